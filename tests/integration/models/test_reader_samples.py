"""The reader learns from samples that went the very way of what it will be asked to read."""

import numpy as np
import pytest

from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.neural import open_reader
from hkplates.recognition.types import Quad

pytest.importorskip("tensorflow", reason="training needs the extra `tensorflow`")

from models.reader import augmentation, evaluate
from models.reader.dataset import Mixture, SampleGenerator
from models.reader.photo_crops import HeldOut, RealPlate
from models.reader.text_rendering import Label

CORNERS = np.array([[22, 14], [118, 18], [117, 41], [20, 38]], np.float32)


def photograph():
    return np.random.default_rng(2).integers(0, 255, (60, 150), dtype=np.uint8)


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_a_sample_is_cropped_as_a_reading_is(scale):
    pixels, corners = augmentation.shrink(photograph(), CORNERS, scale, scale)
    reader = open_reader(evaluate.BUNDLE)
    crop = rectify(np.repeat(pixels[:, :, None], 3, axis=2), Quad.from_array(corners))

    np.testing.assert_array_equal(augmentation.crop_input(pixels, corners), reader.preprocess(crop))


def test_a_plate_far_away_has_the_width_asked_for_and_keeps_its_label():
    plate = RealPlate(photograph(), CORNERS, Label("AB12", 1, 4), "a.jpg", "white")

    far = evaluate.far_away(plate, 24)
    assert np.ptp(far.corners[:, 0]) == pytest.approx(24, abs=1)
    assert far.label == plate.label
    assert evaluate.far_away(plate, 400) is plate


@pytest.mark.parametrize("seed", range(8))
def test_a_cut_photograph_loses_a_part_of_the_plate(seed):
    pixels, moved = augmentation.cut_at_edge(np.random.default_rng(seed), photograph(), CORNERS)

    high, wide = pixels.shape
    assert wide < 150 or high < 60
    # What is left of the plate lies inside, and some of it lay beyond.
    inside = np.clip(moved, 0, (wide, high))
    assert np.ptp(inside, axis=0).min() >= 10
    assert np.prod(np.ptp(inside, axis=0)) < np.prod(np.ptp(CORNERS, axis=0))


@pytest.mark.parametrize(("rows", "seed"), [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (2, 3)])
def test_a_part_of_a_plate_lies_within_it_and_is_no_more_than_two_thirds(rows, seed):
    part = augmentation.part_of_plate(np.random.default_rng(seed), CORNERS, rows)

    low, high = CORNERS.min(axis=0) - 1e-3, CORNERS.max(axis=0) + 1e-3
    assert np.all((part >= low) & (part <= high))
    assert np.prod(np.ptp(part, axis=0)) < 0.75 * np.prod(np.ptp(CORNERS, axis=0))


def test_what_is_no_plate_has_no_text_and_marks_of_every_length_are_drawn(tmp_path):
    from support.labelled_photos import write_labelled_photos

    write_labelled_photos(tmp_path)
    generator = SampleGenerator(tmp_path, 3, HeldOut(0, 0))
    none = Mixture(0, 0, 1, 0.2, 3, (0.01, 0.07))
    drawn = Mixture(0, 0, 0, 0.2, 3, (0.01, 0.07))

    assert {generator.sample(none)[1].text for _ in range(40)} == {""}
    lengths = [len(generator.sample(drawn)[1].text) for _ in range(150)]
    assert min(lengths) >= 1
    assert sum(length <= 3 for length in lengths) >= 10
