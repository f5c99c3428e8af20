"""Builds the reader's network: one convolutional trunk, a slot head and a CTC head.

Input is a rectified plate, gray, HEIGHT x WIDTH, uint8; one-row and two-row plates are both
stretched to it, so that a character of either has about as many pixels. The slot head has one
learned attention map per character (8), the CTC head reads along the top half and then along the
bottom half. They fail differently, which makes their agreement a signal.
"""

import keras
from keras import layers

HEIGHT, WIDTH = 64, 160
MARGIN = 0.12
"""Surroundings of the plate in the input on each side, as a share of the plate's height."""

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPRSTUVWXYZ"
"""Symbols printed on plates: I and O are told from 1 and 0, as far as the print tells them."""

BLANK = len(SYMBOLS)
CLASSES = len(SYMBOLS) + 1
SLOTS = 8
CTC_FRAMES = 80
"""Frames of the CTC head: the first half is the plate's upper half."""


@keras.saving.register_keras_serializable("hkplates")
class Standardise(layers.Layer):
    """Scales pixels to zero mean and unit deviation, plate by plate: night and glare look alike."""

    def call(self, pixels):
        x = keras.ops.cast(pixels, "float32")
        mean = keras.ops.mean(x, axis=(1, 2, 3), keepdims=True)
        away = x - mean
        deviation = keras.ops.sqrt(keras.ops.mean(away * away, axis=(1, 2, 3), keepdims=True))
        return away / (deviation + 4.0)


@keras.saving.register_keras_serializable("hkplates")
class PositionEmbedding(layers.Layer):
    """Adds a learned vector to each place of the map: the heads need positions."""

    def build(self, shape):
        self.table = self.add_weight(
            name="table",
            shape=(1, *shape[1:]),
            initializer=keras.initializers.RandomNormal(0, 0.02),
        )

    def call(self, x):
        return x + self.table


@keras.saving.register_keras_serializable("hkplates")
class AttentionPooling(layers.Layer):
    """Averages the features (batch, places, channels) under each slot's attention map."""

    def call(self, features, maps):
        weights = keras.ops.softmax(keras.ops.transpose(maps, (0, 2, 1)), axis=-1)
        return keras.ops.matmul(weights, features)


def _convolve(x, channels, kernel=3, strides=1):
    x = layers.Conv2D(channels, kernel, strides, "same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.ReLU()(x)


def _long_range_block(x, channels):
    """Widens the receptive field along the rows: counting repeated letters needs neighbours."""
    inner = layers.DepthwiseConv2D((3, 11), padding="same", use_bias=False)(x)
    inner = layers.BatchNormalization(momentum=0.98)(inner)
    inner = layers.Conv2D(channels, 1, use_bias=False)(inner)
    inner = layers.BatchNormalization(momentum=0.98)(inner)
    whole = layers.GlobalAveragePooling2D(keepdims=True)(x)
    whole = layers.Dense(channels, activation="tanh")(layers.Dense(32, activation="relu")(whole))
    return layers.ReLU()(layers.Add()([x, inner, whole]))


def _trunk(x):
    # Straight to a quarter of the size: finer maps cost half of the training and read no better.
    x = _convolve(x, 48, kernel=8, strides=4)
    x = _convolve(x, 48)
    x = _convolve(x, 88, strides=(2, 1))
    x = _convolve(x, 144, strides=(2, 1))
    x = _long_range_block(_long_range_block(_long_range_block(x, 144), 144), 144)
    return PositionEmbedding()(x)


def _slot_head(features):
    """Builds (batch, 4, 40, channels) -> symbols (batch, 8, classes) and lower row (batch, 8)."""
    places = layers.Reshape((-1, features.shape[-1]))(features)
    maps = layers.Dense(SLOTS, name="slot_maps")(places)
    pooled = layers.Dropout(0.1)(AttentionPooling()(places, maps))
    pooled = layers.Dense(128, activation="relu")(pooled)
    symbols = layers.Dense(CLASSES)(pooled)
    lower = layers.Dense(1)(pooled)
    return symbols, layers.Reshape((SLOTS,))(lower)


def _ctc_head(features):
    """Builds (batch, 4, 40, channels) -> (batch, 80, classes): upper half, then lower half."""
    channels = features.shape[-1]
    halves = layers.Reshape((2, 2, CTC_FRAMES // 2, channels))(features)
    halves = layers.Permute((1, 3, 2, 4))(halves)
    frames = layers.Reshape((CTC_FRAMES, 2 * channels))(halves)
    frames = layers.Dense(96, activation="relu")(layers.Dropout(0.1)(frames))
    return layers.Dense(CLASSES)(frames)


def build() -> keras.Model:
    """Builds the network: (batch, HEIGHT, WIDTH, 1) uint8 gray -> logits by name.

    slots (batch, SLOTS, CLASSES); lower (batch, SLOTS), the slot's character stands in the lower
    row; ctc (batch, STEPS, CLASSES); rows (batch, 1), the plate has two rows.
    """
    pixels = keras.Input((HEIGHT, WIDTH, 1), dtype="uint8", name="pixels")
    features = _trunk(Standardise()(pixels))
    slots, lower = _slot_head(features)
    rows = layers.Dense(1)(layers.GlobalAveragePooling2D()(features))
    outputs = {"slots": slots, "lower": lower, "ctc": _ctc_head(features), "rows": rows}
    return keras.Model(pixels, outputs, name="reader")
