"""A training that begins with a bundle's weights begins with all that the bundle knows."""

from pathlib import Path

import numpy as np
import pytest

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import TensorFlowDetector
from hkplates.recognition.reading.neural import open_reader

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install '.[tensorflow]'")

MODELS = Path(__file__).parents[3] / "models"


def test_a_detector_started_with_a_bundle_answers_as_the_bundle():
    import tensorflow as tf

    from models.detector.network import ServingDetector, build_network
    from models.detector.warm_start import load_bundle

    bundle = MODELS / "detector" / "bundle"
    network = build_network()
    load_bundle(network, bundle)
    photo = np.random.default_rng(0).integers(0, 255, (224, 224, 3), dtype=np.uint8)

    answered = ServingDetector(network).forward(tf.constant(photo[None])).numpy()[0]
    expected = TensorFlowDetector(open_bundle(bundle, "tensorflow"))._run(photo)
    np.testing.assert_allclose(answered, expected, atol=2e-3)


# Of Keras, where it reads weights under NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_bundle_averaged_with_itself_is_itself(tmp_path):
    from models.detector.network import build_network
    from models.detector.warm_start import load_bundle
    from models.detector.weight_averaging import average_bundles

    bundle = MODELS / "detector" / "bundle"
    average_bundles(bundle, bundle, 0.3, tmp_path)
    mean, own = build_network(), build_network()
    mean.load_weights(tmp_path / "averaged.weights.h5")
    load_bundle(own, bundle)

    for one, other in zip(mean.get_weights(), own.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_detector_of_another_size_is_refused():
    from models.detector.network import build_network
    from models.detector.warm_start import load_bundle

    with pytest.raises(ValueError, match="has weights of"):
        load_bundle(build_network(shallow=20), MODELS / "detector" / "bundle")


def test_a_reader_started_with_a_bundle_answers_as_the_bundle_and_can_go_on_learning():
    from models.reader.network import HEIGHT, WIDTH, build
    from models.reader.warm_start import load_bundle

    bundle = MODELS / "reader" / "bundle"
    pixels = np.random.default_rng(0).integers(0, 255, (32, HEIGHT, WIDTH, 1), dtype=np.uint8)
    model = build()
    load_bundle(model, bundle, pixels)

    expected = open_reader(bundle).forward(pixels[0, :, :, 0])
    told = model(pixels[:1], training=False)
    # LiteRT brings what goes into each layer to 8 bits; the weights are the same.
    for own, told_by_litert in (("slots", expected.slots), ("ctc", expected.ctc_frames)):
        off = np.abs(told[own].numpy()[0] - told_by_litert)
        assert off.mean() < 0.05 * told_by_litert.std()
    # Normalised by the batch itself, as in training, the same samples give nearly the same answer.
    learning = answer_as_in_training(model, pixels)
    np.testing.assert_allclose(learning[0], told["slots"].numpy()[0], atol=0.05)


def answer_as_in_training(model, pixels):
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model(pixels, training=True)["slots"].numpy()
