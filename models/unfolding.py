"""Unfolds batch normalisation out of a LiteRT model's weights, so that it can be trained on.

A bundle's weights have batch normalisation folded into the layers before it. To unfold it, these
keep their kernels, and each normalisation gets the mean and the variance of its input on training
samples, with the scale and the shift that undo them. The network then returns what the bundle's
does, and can be trained as if it had never been folded.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

KernelAndBias = tuple[np.ndarray, np.ndarray]
"""A kernel with Keras's order of axes, and its bias."""

KERNEL_AXES = {
    "CONV_2D": (1, 2, 3, 0),
    "DEPTHWISE_CONV_2D": (1, 2, 3, 0),
    "FULLY_CONNECTED": (1, 0),
}
"""LiteRT's operations with weights, and the permutation of their kernels' axes to Keras's order."""


def read_kernels(network: Any) -> list[KernelAndBias]:
    """Returns kernels and biases of a LiteRT interpreter's model, in the order of the graph."""
    return [
        (
            _dequantise(network, int(operation["inputs"][1])).transpose(
                KERNEL_AXES[operation["op_name"]]
            ),
            network.get_tensor(int(operation["inputs"][2])),
        )
        for operation in network._get_ops_details()
        if operation["op_name"] in KERNEL_AXES
    ]


def pop_first_of_shape(kernels: list[KernelAndBias], shape: tuple[int, ...]) -> KernelAndBias:
    """Removes and returns the first of this shape: those of one shape are in the graph's order.

    Raises:
        ValueError: there is none.
    """
    for place, (kernel, _) in enumerate(kernels):
        if kernel.shape == shape:
            return kernels.pop(place)
    raise ValueError(f"The bundle has no weights of {shape}, or not enough of them.")


def set_bias_only(norm: Any, bias: np.ndarray) -> None:
    """Sets a normalisation to add `bias` and do nothing else."""
    ones, zeros = np.ones_like(bias), np.zeros_like(bias)
    norm.set_weights([ones, bias, zeros, ones - norm.epsilon])


def fit_statistics(model: keras.Model, norms: Sequence[Any], inputs: np.ndarray) -> None:
    """Sets each normalisation's statistics to its input's, with the scale that undoes them.

    `inputs` are training samples as the model takes them, some hundreds.
    """
    probe = keras.Model(model.input, [norm.input for norm in norms])
    for norm, seen in zip(norms, probe(inputs, training=False), strict=True):
        values = np.asarray(seen)
        axes = tuple(range(values.ndim - 1))
        mean, variance = values.mean(axis=axes), values.var(axis=axes)
        _, bias, _, _ = norm.get_weights()
        norm.set_weights([np.sqrt(variance + norm.epsilon), bias + mean, mean, variance])


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
