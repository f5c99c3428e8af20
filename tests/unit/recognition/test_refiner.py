"""The refiner sees one place cut out straight; what it says counts in the photograph."""

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
    """Grey, with a white plate drawn at PLATE."""
    picture = np.full((900, 1200, 3), 90, np.uint8)
    picture[400:424, 500:600] = 255
    return picture


def seen_part(glimpse):
    """Bounds of what is white: left, top, right, bottom."""
    rows, columns = np.nonzero(glimpse.pixels[..., 0] > 172)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_the_plate_is_seen_with_a_margin_of_its_height(photo):
    glimpse = crop_patch(photo, PLATE)

    across, down = pixels_per_plate_height(100 / 24)
    left, top = MARGIN * across, MARGIN * down
    assert glimpse.pixels.shape == (HEIGHT, WIDTH, 3)
    assert seen_part(glimpse) == pytest.approx((left, top, WIDTH - left, HEIGHT - top), abs=1.0)


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0, 8.0])
def test_a_plate_of_any_size_looks_the_same(photo, scale):
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    other = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=way)

    one, same = crop_patch(photo, PLATE), crop_patch(other, PLATE * scale)

    np.testing.assert_allclose(seen_part(one), seen_part(same), atol=1.5)


def test_fine_stripes_of_a_large_plate_become_gray_and_not_coarse_stripes():
    picture = np.zeros((2000, 4000, 3), np.uint8)
    picture[:, ::4] = picture[:, 1::4] = 255
    corners = np.array([[500, 500], [3000, 500], [3000, 1100], [500, 1100]], float)

    assert crop_patch(picture, corners).pixels[20:44, 30:98].std() < 12


@pytest.mark.parametrize("corners", [PLATE, SLANTED], ids=["upright", "slanted"])
def test_points_come_back_to_where_they_were(photo, corners):
    glimpse = crop_patch(photo, corners)

    np.testing.assert_allclose(glimpse.from_photo(corners), glimpse.corners, atol=1e-3)
    np.testing.assert_allclose(glimpse.to_photo(glimpse.corners), corners, atol=1e-3)


def test_beyond_the_photograph_there_is_padding(photo):
    glimpse = crop_patch(photo, PLATE - PLATE[0] - 10)

    assert (glimpse.pixels[:2, :2] == 114).all()


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
def test_what_cannot_be_a_plate_is_not_looked_at(photo, corners):
    assert crop_patch(photo, corners) is None


def test_a_place_far_outside_the_photograph_is_all_padding(photo):
    assert (crop_patch(photo, PLATE + 5000).pixels == 114).all()


class Tells(Refiner):
    """A refiner that finds the bounds of what is white, and calls it what it is told to."""

    def __init__(self, kinds):
        self.kinds, self.asked = np.array(kinds, float), 0

    def _forward(self, pixels):
        self.asked += 1
        rows, columns = np.nonzero(pixels[..., 0] > 172)
        left, right = columns.min(), columns.max() + 1
        top, bottom = rows.min(), rows.max() + 1
        white = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
        here = crop_patch(np.zeros((900, 1200, 3), np.uint8), self.given).corners
        return white - here, self.kinds

    def refine(self, photo, corners):
        self.given = corners
        return super().refine(photo, corners)


HONG_KONG, OTHER, NONE = (4.0 * np.eye(3)[CLASSES.index(kind)] for kind in CLASSES)


def test_loose_corners_are_mended(photo):
    loose = PLATE + np.array([-4, 3])

    refined = Tells(HONG_KONG).refine(photo, loose)

    assert np.abs(refined.corners - PLATE).max() < 1.5


def test_what_is_plainly_no_plate_is_looked_at_once(photo):
    plate, lamp = Tells(HONG_KONG), Tells(NONE)

    plate.refine(photo, PLATE)
    lamp.refine(photo, PLATE)

    assert (plate.asked, lamp.asked) == (2, 1)


def test_the_lead_is_over_all_other_kinds_together():
    even = Refined(PLATE, np.zeros(3))

    assert even.log_odds(0) == pytest.approx(-np.log(2))


def warm_at_the_plate(view):
    """A network that finds PLATE, a little off, in a photograph of 1,200 x 900 seen in 640."""
    answers = np.zeros((view.shape[0] // STRIDE, view.shape[1] // STRIDE, 10), np.float32)
    corners = (PLATE + 3) * 640 / 1200
    column, row = (corners.mean(0) // STRIDE).astype(int)
    answers[row, column, 0] = 0.6
    answers[row, column, 2:] = (corners - (np.array([column, row]) + 0.5) * STRIDE).reshape(-1)
    return answers


def detector_with(kinds, threshold=0.5):
    certainty = ScoreCalibration(0.5, 1.0)
    return NetworkDetector(
        warm_at_the_plate, [(480, 640)], threshold, refiner=Tells(kinds), calibration=certainty
    )


def test_the_refiner_has_the_last_word_on_corners_and_class(photo):
    (ours,), (theirs,) = (detector_with(kinds).detect(photo) for kinds in (HONG_KONG, OTHER))

    assert (ours.region, theirs.region) == ("HK", "other")
    assert np.abs(ours.quad.to_array() - PLATE).max() < 2
    assert ours.score > 0.95


def test_what_the_refiner_calls_no_plate_is_not_reported(photo):
    assert detector_with(NONE).detect(photo) == []


def test_without_a_refiner_the_network_is_believed(photo):
    (found,) = NetworkDetector(warm_at_the_plate, [(480, 640)], 0.5).detect(photo)

    assert found.score == pytest.approx(0.6)
    assert plate_size(found.quad.to_array()) == pytest.approx((100, 24), abs=0.1)


def test_corners_that_end_as_no_plates_are_no_find(photo):
    """At the second pass the upper corners change places."""

    class Crosses(Tells):
        def _forward(self, pixels):
            moves, kinds = super()._forward(pixels)
            crossed = np.array([[150, 0], [-150, 0], [0, 0], [0, 0]], float)
            return (moves if self.asked == 1 else crossed), kinds

    assert Crosses(HONG_KONG).refine(photo, PLATE) is None
