"""A training that begins with a bundle's weights begins with all that the bundle knows."""

from pathlib import Path

import numpy as np
import pytest

from hkplates.recognition.bundles.bundle import REFINER, open_bundle
from hkplates.recognition.detection.detector import TensorFlowDetector
from hkplates.recognition.detection.refiner import HEIGHT, WIDTH, Refiner
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


def test_a_network_rewritten_for_litert_computes_the_same_and_its_weights_come_back(tmp_path):
    from types import SimpleNamespace

    from models.reader import export
    from models.reader.inference import for_inference
    from models.reader.network import HEIGHT, WIDTH, build
    from models.reader.warm_start import load_bundle

    pixels = np.random.default_rng(1).integers(0, 255, (32, HEIGHT, WIDTH, 1), dtype=np.uint8)
    model, again = build(), build()
    load_bundle(model, MODELS / "reader" / "bundle", pixels)
    told = model(pixels[:2], training=False)
    rewritten = for_inference(model)(pixels[:2], training=False)
    (tmp_path / "model.tflite").write_bytes(export._convert(SimpleNamespace(model=model)))
    load_bundle(again, tmp_path, pixels)
    loaded = again(pixels[:2], training=False)

    for name, logits in told.items():
        np.testing.assert_allclose(rewritten[name], logits, rtol=1e-4, atol=1e-4)
        assert np.abs(loaded[name] - logits).max() < 0.05 * np.abs(logits).max()


def test_a_reader_averaged_with_a_training_lies_between_them(tmp_path):
    import yaml

    from models.reader.network import HEIGHT, WIDTH
    from models.reader.train import FINETUNE, Trainer
    from models.reader.weight_averaging import average

    bundle = MODELS / "reader" / "bundle"
    config = yaml.safe_load(FINETUNE.read_text(encoding="utf-8"))
    pixels = np.random.default_rng(0).integers(0, 255, (32, HEIGHT, WIDTH, 1), dtype=np.uint8)
    trained, averaged = (Trainer(config, tmp_path / name) for name in ("new", "out"))
    trained.warm_start(bundle, pixels)
    expected = trained.model(pixels[:2], training=False)["slots"].numpy()

    average(bundle, trained, averaged, 0.7, pixels)
    told = averaged.model(pixels[:2], training=False)["slots"].numpy()
    np.testing.assert_allclose(told, expected, rtol=1e-2, atol=1e-2)
    # Of other weights a share is taken, not all and not none.
    for layer in trained.model.layers:
        layer.set_weights([2 * weight for weight in layer.get_weights()])
    average(bundle, trained, averaged, 0.25, pixels)
    kernels = [
        next(x for x in network.layers if "conv" in x.name).get_weights()[0]
        for network in (trained.model, averaged.model)
    ]
    np.testing.assert_allclose(kernels[1], kernels[0] * (0.75 / 2 + 0.25), rtol=1e-5, atol=1e-6)


def answer_as_in_training(model, pixels):
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    return model(pixels, training=True)["slots"].numpy()


def test_a_refiner_started_with_a_bundle_answers_as_the_bundle_and_can_go_on_learning():
    import keras
    import tensorflow as tf

    from models.refiner.network import ServingRefiner, build_network, scale_pixels
    from models.refiner.warm_start import load_bundle

    bundle = MODELS / "detector" / "bundle"
    scene = np.random.default_rng(0).integers(0, 255, (200, 9, 14, 3), dtype=np.uint8)
    pixels = tf.cast(tf.image.resize(scene, (HEIGHT, WIDTH)), tf.uint8)
    network = build_network()
    load_bundle(network, bundle, scale_pixels(pixels).numpy())

    expected = [Refiner(bundle / REFINER)._forward(one)[0].ravel() for one in pixels.numpy()[:8]]
    told = ServingRefiner(network).forward(pixels[:8]).numpy()[:, :8]
    # LiteRT brings what goes into each layer to 8 bits; the weights are the same.
    assert np.abs(told - expected).mean() < 0.05 * np.std(expected)
    # Normalised by the batch itself, as in training, the same samples give nearly the same answer.
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    learning = network(scale_pixels(pixels), training=True).numpy()
    still = network(scale_pixels(pixels), training=False).numpy()
    np.testing.assert_allclose(learning, still, atol=0.05 * np.std(still))


def test_a_refiner_of_another_size_is_refused():
    import keras

    from models.refiner.warm_start import load_bundle

    inputs = keras.Input((HEIGHT, WIDTH, 3))
    other = keras.Model(inputs, keras.layers.Conv2D(7, 3)(inputs))
    with pytest.raises(ValueError, match="no weights of"):
        load_bundle(other, MODELS / "detector" / "bundle", np.zeros((1, HEIGHT, WIDTH, 3)))
