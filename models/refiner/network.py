"""Builds the refiner's network: from a patch along loose corners to better corners and a class."""

import keras
import tensorflow as tf
from keras import layers

from hkplates.recognition.detection.refiner import CLASSES, HEIGHT, WIDTH

OFFSET_SCALE = 8.0  # pixels of the input per unit of a corner output, so that outputs stay near one


def build_network() -> keras.Model:
    """Builds the network: RGB in -1..1 (n, HEIGHT, WIDTH, 3) to (n, 8 + classes).

    Of the output the first eight are x, y of corner offsets, the others class logits.
    """
    picture = keras.Input((HEIGHT, WIDTH, 3), name="picture")
    x = _conv_block(picture, 24, kernel=5, strides=2)
    x = _conv_block(x, 40, strides=2)
    x = _conv_block(x, 72, strides=2)
    x = _residual(x, 72)
    x = _conv_block(x, 112, strides=2)
    x = _residual(x, 112)
    # Where something stands must not be averaged away: all places stay, in fewer channels.
    x = layers.Flatten()(_conv_block(x, 32, kernel=1))
    x = layers.Dense(160, use_bias=False)(x)
    x = layers.LeakyReLU(0.1)(layers.BatchNormalization(momentum=0.98)(x))
    x = layers.Dropout(0.1)(x)
    return keras.Model(picture, layers.Dense(8 + len(CLASSES), name="answers")(x), name="refiner")


class ServingRefiner(tf.Module):
    """The exported network: uint8 RGB in, pixels and logits out; all scaling inside."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: tf.Tensor) -> tf.Tensor:
        """Maps (n, HEIGHT, WIDTH, 3) uint8 to (n, 8 + classes): x, y of four offsets, logits."""
        out = self.network(scale_pixels(pixels), training=False)
        return tf.concat([out[:, :8] * OFFSET_SCALE, out[:, 8:]], -1)


def scale_pixels(pixels: tf.Tensor) -> tf.Tensor:
    """Scales bytes to -1..1."""
    return tf.cast(pixels, tf.float32) / 127.5 - 1.0


def _conv_block(x: tf.Tensor, channels: int, kernel: int = 3, strides: int = 1) -> tf.Tensor:
    x = layers.Conv2D(channels, kernel, strides, "same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))


def _residual(x: tf.Tensor, channels: int) -> tf.Tensor:
    y = _conv_block(x, channels)
    y = layers.Conv2D(channels, 3, 1, "same", use_bias=False)(y)
    return layers.ReLU()(layers.Add()([x, layers.BatchNormalization(momentum=0.98)(y)]))
