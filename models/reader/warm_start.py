"""Initialises a training with the weights of a bundle instead of random ones.

The bundle's batch normalisation is folded into the convolutions before it; models/unfolding.py
tells how it is unfolded.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hkplates.recognition.bundles.litert import open_interpreter
from models import unfolding
from models.reader.inference import WIDTHS
from models.reader.network import PositionEmbedding


def load_bundle(model: keras.Model, bundle: Path, pixels: np.ndarray) -> None:
    """Loads the weights of the bundle's network into `model`.

    `pixels` (n, HEIGHT, WIDTH, 1) uint8 are training samples, some hundreds of them.

    Raises:
        ValueError: the bundle is of another network.
    """
    network = open_interpreter(bundle / "model.tflite")
    weighted, table = _join_split(unfolding.read_kernels(network)), _position_embedding(network)
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    folded = {norm.input._keras_history.operation.name: norm for norm in norms}
    for layer in model.layers:
        if isinstance(layer, PositionEmbedding):
            layer.table.assign(table)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            kernel, bias = unfolding.pop_first_of_shape(weighted, tuple(layer.kernel.shape))
            layer.set_weights([kernel])
            unfolding.set_bias_only(folded[layer.name], bias)
        elif isinstance(layer, keras.layers.Dense):
            shape = tuple(layer.kernel.shape)
            layer.set_weights(list(unfolding.pop_first_of_shape(weighted, shape)))
    if weighted:
        raise ValueError(f"{bundle} holds more weights than {model.name} has.")
    unfolding.fit_statistics(model, norms, pixels)


def _join_split(weighted: list[unfolding.KernelAndBias]) -> list[unfolding.KernelAndBias]:
    """Joins the two kernels of each depthwise layer that the export has split (inference.py)."""
    shapes = [kernel.shape for kernel, _ in weighted]
    left, right = (
        [
            pair
            for pair, shape in zip(weighted, shapes, strict=True)
            if shape[3:] == (1,) and shape[:2] == (3, width) and shape[2] > 1
        ]
        for width in WIDTHS
    )
    split = {id(kernel) for kernel, _ in [*left, *right]}
    joined = [
        (np.concatenate([one, other], axis=1), bias + more)
        for (one, bias), (other, more) in zip(left, right, strict=True)
    ]
    return [pair for pair in weighted if id(pair[0]) not in split] + joined


def _position_embedding(network: Any) -> np.ndarray:
    """Returns the position embedding: the last constant that is added to a feature map."""
    additions = [o["inputs"] for o in network._get_ops_details() if o["op_name"] == "ADD"]
    tables = [t for inputs in additions for t in _constants(network, [int(i) for i in inputs])]
    return tables[-1]


def _constants(network: Any, tensors: list[int]) -> Iterator[np.ndarray]:
    """Yields the tensors among an operation's inputs that are constant feature maps (4 axes)."""
    written = {int(i) for o in network._get_ops_details() for i in o["outputs"]}
    for tensor in tensors:
        if tensor not in written and network.get_tensor(tensor).ndim == 4:
            yield network.get_tensor(tensor)
