"""Converts a network in TensorFlow to a LiteRT model."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.lite.python.schema_py_generated import BuiltinOperator
from tensorflow.lite.tools import flatbuffer_utils
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def freeze(forward: Callable[[Any], Any], shape: Sequence[int | None]) -> Any:
    """Returns a concrete function of uint8 input of `shape` with its weights as constants.

    Weights left as variables stay outside the graph, and LiteRT then runs five times slower.
    """
    traced = tf.function(forward).get_concrete_function(tf.TensorSpec(shape, tf.uint8))
    return convert_variables_to_constants_v2(traced)


def convert(
    forward: Callable[[Any], Any], shape: Sequence[int | None], *, float_depthwise: bool = False
) -> bytes:
    """Converts the function to a LiteRT model with weights of 8 bits.

    Activations stay float32 outside of the layers and are quantised to 8 bits within, by what each
    picture has (dynamic range): a third of the time of float32 weights, and a quarter of the size.
    With `float_depthwise` depthwise convolutions keep float32 weights: with those of 8 bits LiteRT
    runs them several times slower.
    """
    frozen = freeze(forward, shape)
    quantised = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    quantised.optimizations = [tf.lite.Optimize.DEFAULT]
    written: bytes = quantised.convert()
    if float_depthwise:
        whole = tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert()
        written = _with_depthwise_of(written, whole)
    return written


def _with_depthwise_of(quantised: bytes, whole: bytes) -> bytes:
    """Returns the quantised model with the float32 depthwise kernels of the whole one."""
    models = [flatbuffer_utils.convert_bytearray_to_object(data) for data in (quantised, whole)]
    for taker, giver in zip(*map(_depthwise_kernels, models), strict=True):
        taker.type, taker.quantization = giver.type, giver.quantization
        models[0].buffers[taker.buffer].data = models[1].buffers[giver.buffer].data
    return bytes(flatbuffer_utils.convert_object_to_bytearray(models[0]))


def _depthwise_kernels(model: Any) -> list[Any]:
    """Returns the tensors of all depthwise kernels, in the order of the graph."""
    (graph,) = model.subgraphs
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    return [
        graph.tensors[operation.inputs[1]]
        for operation in graph.operators
        if codes[operation.opcodeIndex] == BuiltinOperator.DEPTHWISE_CONV_2D
    ]
