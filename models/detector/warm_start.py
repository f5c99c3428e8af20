"""Initialises a training with the weights of a bundle instead of random ones."""

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np


def load_bundle(network: keras.Model, bundle: Path) -> None:
    """Sets the weights of `network` to those that stand as constants in the bundle's SavedModel.

    Raises:
        ValueError: The SavedModel is of another network.
    """
    constants = _frozen_weights(bundle / "saved_model")
    convolutions = [value for name, value in constants if "batch_norm" not in name]
    # Of each normalisation the graph has deviation, scale, shift and mean, in this order.
    norms = iter([value for name, value in constants if "batch_norm" in name])
    plain = iter(convolutions)
    for layer in sorted(network.layers, key=_creation_order):
        if isinstance(layer, keras.layers.BatchNormalization):
            variance, gamma, beta, mean = (next(norms, None) for _ in range(4))
            _set_weights(layer, [gamma, beta, mean, variance])
        elif isinstance(layer, keras.layers.Conv2D):
            _set_weights(layer, [next(plain, None) for _ in layer.weights])
    if next(norms, None) is not None or next(plain, None) is not None:
        raise ValueError(f"{bundle} holds more weights than {network.name} has.")


def _frozen_weights(folder: Path) -> list[tuple[str, np.ndarray]]:
    """Returns (name, value) of what were variables before freezing, in the order of the graph."""
    import tensorflow as tf

    graph = tf.saved_model.load(str(folder)).signatures["serving_default"].graph.as_graph_def()
    nodes = [node for function in graph.library.function for node in function.node_def]
    return [
        (node.name, tf.make_ndarray(node.attr["value"].tensor))
        for node in nodes
        if node.op == "Const" and node.name.endswith("/resource")
    ]


def _creation_order(layer: Any) -> tuple[bool, int]:
    """Returns a sorting key for layers by creation; the last one has a name of its own."""
    number = re.search(r"_(\d+)$", layer.name)
    return layer.name == "answers", int(number.group(1)) if number else 0


def _set_weights(layer: Any, weights: list[np.ndarray | None]) -> None:
    shapes = [None if value is None else value.shape for value in weights]
    expected = [tuple(weight.shape) for weight in layer.weights]
    if shapes != expected:
        raise ValueError(f"{layer.name} has weights of {expected}, the bundle's are of {shapes}.")
    layer.set_weights(weights)
