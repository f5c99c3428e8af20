"""Initialises a training with the weights of a bundle instead of random ones.

The bundle's weights have batch normalisation folded into the convolutions before it. To unfold it,
the convolutions keep their kernels, and each normalisation gets the mean and the variance of its
input on training samples, with the scale and the shift that undo them. The network then returns
what the bundle's does, and can be trained as if it had never been folded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hkplates.recognition.bundles.litert import open_interpreter
from models.reader.network import PositionEmbedding

KernelAndBias = tuple[np.ndarray, np.ndarray]
"""A kernel with Keras's order of axes, and its bias."""

_KERNEL_AXES = {
    "CONV_2D": (1, 2, 3, 0),
    "DEPTHWISE_CONV_2D": (1, 2, 3, 0),
    "FULLY_CONNECTED": (1, 0),
}
"""LiteRT's operations with weights, and the permutation of their kernels' axes to Keras's order."""


def load_bundle(model: keras.Model, bundle: Path, pixels: np.ndarray) -> None:
    """Loads the weights of the bundle's network into `model`.

    `pixels` (n, HEIGHT, WIDTH, 1) uint8 are training samples, some hundreds of them.

    Raises:
        ValueError: the bundle is of another network.
    """
    weighted, table = _read_weights(bundle / "model.tflite")
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    folded = {norm.input._keras_history.operation.name: norm for norm in norms}
    for layer in model.layers:
        if isinstance(layer, PositionEmbedding):
            layer.table.assign(table)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            kernel, bias = _pop_first_of_shape(weighted, tuple(layer.kernel.shape))
            layer.set_weights([kernel])
            _set_bias_only(folded[layer.name], bias)
        elif isinstance(layer, keras.layers.Dense):
            layer.set_weights(list(_pop_first_of_shape(weighted, tuple(layer.kernel.shape))))
    if weighted:
        raise ValueError(f"{bundle} holds more weights than {model.name} has.")
    _fit_statistics(model, norms, pixels)


def _read_weights(path: Path) -> tuple[list[KernelAndBias], np.ndarray]:
    """Returns kernels and biases in the order of the graph, and the position embedding."""
    network = open_interpreter(path)
    weighted, tables = [], []
    for operation in network._get_ops_details():
        inputs = [int(i) for i in operation["inputs"]]
        if operation["op_name"] in _KERNEL_AXES:
            kernel = _dequantise(network, inputs[1]).transpose(_KERNEL_AXES[operation["op_name"]])
            weighted.append((kernel, network.get_tensor(inputs[2])))
        elif operation["op_name"] == "ADD":
            tables += list(_constants(network, inputs))
    return weighted, tables[-1]


def _dequantise(network: Any, tensor: int) -> np.ndarray:
    """Returns a kernel as float32; one of 8 bits is multiplied by the scale of each channel."""
    kernel = network.get_tensor(tensor)
    if kernel.dtype != np.int8:
        return kernel
    (details,) = [d for d in network.get_tensor_details() if d["index"] == tensor]
    scales = details["quantization_parameters"]
    shape = [1] * kernel.ndim
    shape[scales["quantized_dimension"]] = len(scales["scales"])
    return kernel.astype(np.float32) * scales["scales"].reshape(shape)


def _constants(network: Any, tensors: list[int]) -> Iterator[np.ndarray]:
    """Yields the tensors among an operation's inputs that are constant feature maps (4 axes)."""
    written = {int(i) for o in network._get_ops_details() for i in o["outputs"]}
    for tensor in tensors:
        if tensor not in written and network.get_tensor(tensor).ndim == 4:
            yield network.get_tensor(tensor)


def _pop_first_of_shape(weighted: list[KernelAndBias], shape: tuple[int, ...]) -> KernelAndBias:
    """Removes and returns the first of this shape: those of one shape are in the graph's order."""
    for place, (kernel, _) in enumerate(weighted):
        if kernel.shape == shape:
            return weighted.pop(place)
    raise ValueError(f"The bundle has no weights of {shape}, or not enough of them.")


def _set_bias_only(norm: Any, bias: np.ndarray) -> None:
    """Sets a normalisation to add `bias` and do nothing else."""
    ones, zeros = np.ones_like(bias), np.zeros_like(bias)
    norm.set_weights([ones, bias, zeros, ones - norm.epsilon])


def _fit_statistics(model: keras.Model, norms: list[Any], pixels: np.ndarray) -> None:
    """Sets each normalisation's statistics to its input's, with the scale that undoes them."""
    probe = keras.Model(model.input, [norm.input for norm in norms])
    for norm, inputs in zip(norms, probe(pixels, training=False), strict=True):
        values = np.asarray(inputs)
        mean, variance = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
        _, bias, _, _ = norm.get_weights()
        norm.set_weights([np.sqrt(variance + norm.epsilon), bias + mean, mean, variance])
