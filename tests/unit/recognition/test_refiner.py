"""Refines proposals in rectified patches; results are in pixels of the photograph."""

import cv2
import numpy as np
import pytest

from hkplates.recognition.calibration import ScoreCalibration
from hkplates.recognition.detection.detector import NetworkDetector
from hkplates.recognition.detection.heatmap import STRIDE
from hkplates.recognition.detection.refiner import (
    CLASSES,
    HEIGHT,
    MARGIN,
    WIDTH,
    Refined,
    Refiner,
    crop_patch,
    pixels_per_plate_height,
    plate_size,
)

PLATE = np.array([[500, 400], [600, 400], [600, 424], [500, 424]], float)
SLANTED = np.array([[500, 400], [590, 420], [588, 448], [497, 426]], float)


@pytest.fixture
def photo():
    """Draws a white plate at PLATE on grey."""
    picture = np.full((900, 1200, 3), 90, np.uint8)
    picture[400:424, 500:600] = 255
    return picture


def white_bounds(patch):
    """Returns the bounds of the white pixels: left, top, right, bottom."""
    rows, columns = np.nonzero(patch.pixels[..., 0] > 172)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_the_patch_has_a_margin_of_the_plates_height(photo):
    patch = crop_patch(photo, PLATE)

    across, down = pixels_per_plate_height(100 / 24)
    left, top = MARGIN * across, MARGIN * down
    assert patch.pixels.shape == (HEIGHT, WIDTH, 3)
    assert white_bounds(patch) == pytest.approx((left, top, WIDTH - left, HEIGHT - top), abs=1.0)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0, 8.0])
def test_a_plate_of_any_size_looks_the_same(photo, scale):
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    other = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=way)

    one, same = crop_patch(photo, PLATE), crop_patch(other, PLATE * scale)

    np.testing.assert_allclose(white_bounds(one), white_bounds(same), atol=1.5)


def test_fine_stripes_of_a_large_plate_become_gray_and_not_coarse_stripes():
    picture = np.zeros((2000, 4000, 3), np.uint8)
    picture[:, ::4] = picture[:, 1::4] = 255
    corners = np.array([[500, 500], [3000, 500], [3000, 1100], [500, 1100]], float)

    assert crop_patch(picture, corners).pixels[20:44, 30:98].std() < 12


@pytest.mark.parametrize("corners", [PLATE, SLANTED], ids=["upright", "slanted"])
def test_points_come_back_to_where_they_were(photo, corners):
    patch = crop_patch(photo, corners)

    np.testing.assert_allclose(patch.from_photo(corners), patch.corners, atol=1e-3)
    np.testing.assert_allclose(patch.to_photo(patch.corners), corners, atol=1e-3)


def test_beyond_the_photograph_there_is_padding(photo):
    patch = crop_patch(photo, PLATE - PLATE[0] - 10)

    assert (patch.pixels[:2, :2] == 114).all()


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param(PLATE[[0, 0, 0, 0]], id="no area"),
        pytest.param(PLATE[[0, 2, 1, 3]], id="crossed sides"),
        pytest.param(PLATE[[3, 0, 1, 2]], id="a plate on end"),
        pytest.param(PLATE * np.nan, id="no numbers"),
        pytest.param(PLATE * 0.05, id="of one pixel"),
    ],
)
def test_a_quad_that_cannot_be_a_plates_gives_no_patch(photo, corners):
    assert crop_patch(photo, corners) is None


def test_a_place_far_outside_the_photograph_is_all_padding(photo):
    assert (crop_patch(photo, PLATE + 5000).pixels == 114).all()


class FakeRefiner(Refiner):
    """A refiner that finds the bounds of the white pixels and returns the class logits given."""

    def __init__(self, class_logits):
        self.class_logits, self.passes = np.array(class_logits, float), 0

    def _forward(self, pixels):
        self.passes += 1
        rows, columns = np.nonzero(pixels[..., 0] > 172)
        left, right = columns.min(), columns.max() + 1
        top, bottom = rows.min(), rows.max() + 1
        white = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
        here = crop_patch(np.zeros((900, 1200, 3), np.uint8), self.given).corners
        return white - here, self.class_logits

    def refine(self, photo, corners):
        self.given = corners
        return super().refine(photo, corners)


HONG_KONG, OTHER, NONE = (4.0 * np.eye(3)[CLASSES.index(name)] for name in CLASSES)


def test_loose_corners_are_mended(photo):
    loose = PLATE + np.array([-4, 3])

    refined = FakeRefiner(HONG_KONG).refine(photo, loose)

    assert np.abs(refined.corners - PLATE).max() < 1.5


def test_a_plain_non_plate_gets_one_pass(photo):
    plate, lamp = FakeRefiner(HONG_KONG), FakeRefiner(NONE)

    plate.refine(photo, PLATE)
    lamp.refine(photo, PLATE)

    assert (plate.passes, lamp.passes) == (2, 1)


def test_log_odds_are_against_all_other_classes_together():
    even = Refined(PLATE, np.zeros(3))

    assert even.log_odds(0) == pytest.approx(-np.log(2))


def peak_at_the_plate(view):
    """Returns a head output with PLATE, a little off, of a 1,200 x 900 photograph in 640."""
    head_output = np.zeros((view.shape[0] // STRIDE, view.shape[1] // STRIDE, 10), np.float32)
    if view.shape[:2] != (480, 640):
        return head_output
    corners = (PLATE + 3) * 640 / 1200
    column, row = (corners.mean(0) // STRIDE).astype(int)
    head_output[row, column, 0] = 0.6
    head_output[row, column, 2:] = (corners - (np.array([column, row]) + 0.5) * STRIDE).reshape(-1)
    return head_output


def detector_with(class_logits, threshold=0.5):
    calibration = ScoreCalibration(0.5, 1.0)
    return NetworkDetector(
        peak_at_the_plate,
        [(480, 640)],
        threshold,
        refiner=FakeRefiner(class_logits),
        calibration=calibration,
    )


def test_the_refiner_has_the_last_word_on_corners_and_class(photo):
    (ours,), (theirs,) = (detector_with(logits).detect(photo) for logits in (HONG_KONG, OTHER))

    assert (ours.region, theirs.region) == ("HK", "other")
    assert np.abs(ours.quad.to_array() - PLATE).max() < 2
    assert ours.score > 0.95


def test_what_the_refiner_calls_no_plate_is_not_reported(photo):
    assert detector_with(NONE).detect(photo) == []


def test_without_a_refiner_the_heat_map_score_counts(photo):
    (found,) = NetworkDetector(peak_at_the_plate, [(480, 640)], 0.5).detect(photo)

    assert found.score == pytest.approx(0.6)
    assert plate_size(found.quad.to_array()) == pytest.approx((100, 24), abs=0.1)


def test_corners_that_end_as_no_plates_are_no_find(photo):
    """At the second pass the upper corners change places."""

    class Crosses(FakeRefiner):
        def _forward(self, pixels):
            offsets, class_logits = super()._forward(pixels)
            crossed = np.array([[150, 0], [-150, 0], [0, 0], [0, 0]], float)
            return (offsets if self.passes == 1 else crossed), class_logits

    assert Crosses(HONG_KONG).refine(photo, PLATE) is None
