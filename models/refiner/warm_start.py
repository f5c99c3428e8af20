"""Initialises a training of the refiner with the weights of a detector's bundle."""

from pathlib import Path

import keras
import numpy as np

from hkplates.recognition.bundles.bundle import REFINER
from hkplates.recognition.bundles.litert import open_interpreter
from models import unfolding


def load_bundle(model: keras.Model, bundle: Path, inputs: np.ndarray) -> None:
    """Loads the weights of the bundle's refiner into `model`.

    `inputs` (n, HEIGHT, WIDTH, 3) float32 in -1..1 are training samples, some hundreds of them: to
    unfold batch normalisation (models/unfolding.py).

    Raises:
        ValueError: the bundle's refiner is another network.
    """
    kernels = unfolding.read_kernels(open_interpreter(bundle / REFINER))
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    folded = {norm.input._keras_history.operation.name: norm for norm in norms}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            continue
        kernel, bias = unfolding.pop_first_of_shape(kernels, tuple(layer.kernel.shape))
        if layer.name in folded:
            layer.set_weights([kernel])
            unfolding.set_bias_only(folded[layer.name], bias)
        else:
            layer.set_weights([kernel, bias])
    if kernels:
        raise ValueError(f"{bundle / REFINER} holds more weights than {model.name} has.")
    unfolding.fit_statistics(model, norms, inputs)
