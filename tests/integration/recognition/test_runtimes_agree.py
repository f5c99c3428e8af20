"""The SavedModel in TensorFlow and LiteRT, with weights of 8 bits, find the same plates."""

from pathlib import Path

import numpy as np
import pytest

from hkplates.errors import RuntimeMissing
from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import LiteRTDetector, TensorFlowDetector
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample

BUNDLE = Path(__file__).parents[3] / "models" / "detector" / "bundle"


@pytest.fixture(scope="module")
def detectors():
    bundle = open_bundle(BUNDLE)
    try:
        return LiteRTDetector(bundle), TensorFlowDetector(bundle)
    except RuntimeMissing as missing:
        pytest.skip(f"nothing to compare LiteRT with: {missing}")


@pytest.mark.parametrize("number", [0, 4, 8])
def test_both_runtimes_give_the_same_boxes(detectors, number):
    photo = sample(number, 2, FontLibrary(system=False)).pixels
    by_litert, by_tensorflow = (detector.detect(photo) for detector in detectors)

    assert [found.region for found in by_litert] == [found.region for found in by_tensorflow]
    for one, other in zip(by_litert, by_tensorflow, strict=True):
        high = one.quad.bounds().height
        np.testing.assert_allclose(one.quad.to_array(), other.quad.to_array(), atol=0.02 * high)
        # Where neither is sure, weights of 8 bits move a probability by some hundredths.
        assert one.score == pytest.approx(other.score, abs=0.08)


def test_the_runtimes_are_compared_on_plates_not_on_silence(detectors):
    photo = sample(8, 2, FontLibrary(system=False)).pixels

    assert len(detectors[0].detect(photo)) >= 2


@pytest.mark.parametrize("shape", [(960, 1280), (1280, 960), (700, 700), (31, 400)])
def test_every_shape_of_photograph_passes_through_both(detectors, shape):
    noise = np.random.default_rng(1).integers(0, 255, (*shape, 3), dtype=np.uint8)
    first, second = (detector.detect(noise) for detector in detectors)

    assert len(first) == len(second)


def test_both_runtimes_carry_the_bundles_hash(detectors):
    assert {detector.sha256 for detector in detectors} == {open_bundle(BUNDLE).sha256}
