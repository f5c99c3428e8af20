"""Builds the detector's network: fully convolutional, stride 8, context of stride 16 added back."""

import keras
import tensorflow as tf
from keras import layers

OUTPUTS = 10  # two heat-map scores (logits), eight corner offsets
OFFSET_SCALE = 32.0  # pixels per unit of a corner output, so that outputs stay near one


@keras.saving.register_keras_serializable("hkplates")
class DepthToSpace(layers.Layer):
    """A layer that doubles height and width, and quarters the channels."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.depth_to_space(inputs, 2)


def build_network(
    stem: int = 12, shallow: int = 24, middle: int = 48, deep: int = 96
) -> keras.Model:
    """Builds the network: RGB in -1..1 (n, H, W, 3) to (n, H/8, W/8, OUTPUTS).

    H and W are multiples of 16.
    """
    picture = keras.Input((None, None, 3), name="picture")
    x = layers.Conv2D(stem, 3, 2, "same", activation="relu")(picture)
    x = _block(x, shallow, stride=2)
    x = _block(x, middle, stride=2)
    near = _residual(x, middle)
    far = _block(near, deep, stride=2)
    far = _residual(far, deep)
    far = _residual(far, deep, dilation=2)
    far = DepthToSpace()(layers.Conv2D(4 * middle, 1, use_bias=False)(far))
    both = layers.ReLU()(_batch_norm(layers.Add()([near, far])))
    both = _block(both, 64)
    # Rare plates: start near "no plate anywhere", or the first steps are spent on saying so.
    start = keras.initializers.Constant([-4.0] * 2 + [0.0] * 8)
    out = layers.Conv2D(OUTPUTS, 1, bias_initializer=start, name="answers")(both)
    return keras.Model(picture, out, name="plate_detector")


class ServingDetector(tf.Module):
    """The exported network: uint8 RGB in, probabilities and pixels out; all scaling inside."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network

    def forward(self, photos: tf.Tensor) -> tf.Tensor:
        """Maps (n, H, W, 3) uint8 to (n, H/8, W/8, 10): two scores 0..1, four x, y off the cell."""
        out = self.network(scale_pixels(photos), training=False)
        return tf.concat([tf.sigmoid(out[..., :2]), out[..., 2:] * OFFSET_SCALE], -1)


def scale_pixels(photos: tf.Tensor) -> tf.Tensor:
    """Scales bytes to -1..1."""
    return tf.cast(photos, tf.float32) / 127.5 - 1.0


def _batch_norm(x: tf.Tensor) -> tf.Tensor:
    return layers.BatchNormalization(momentum=0.98)(x)


def _block(x: tf.Tensor, channels: int, stride: int = 1, dilation: int = 1) -> tf.Tensor:
    x = layers.Conv2D(channels, 3, stride, "same", dilation_rate=dilation, use_bias=False)(x)
    return layers.ReLU()(_batch_norm(x))


def _residual(x: tf.Tensor, channels: int, dilation: int = 1) -> tf.Tensor:
    y = _block(x, channels, dilation=dilation)
    y = layers.Conv2D(channels, 3, 1, "same", dilation_rate=dilation, use_bias=False)(y)
    return layers.ReLU()(layers.Add()([x, _batch_norm(y)]))
