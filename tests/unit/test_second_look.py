"""The second look: from near, and only what both looks agree on."""

import cv2
import numpy as np
import pytest

from hkplates.recognition.detector import NetworkDetector
from hkplates.recognition.peaks import STRIDE, Peak
from hkplates.recognition.second_look import MOST_LOOKS, SIZE, close_view, look_again

PLATE = np.array([[500, 400], [600, 400], [600, 424], [500, 424]], np.float32)


@pytest.fixture
def photo():
    """Grey, with a white plate drawn at PLATE."""
    picture = np.full((900, 1200, 3), 90, np.uint8)
    picture[400:424, 500:600] = 255
    return picture


def white_parts(view):
    """What a perfect network would answer: the upright box of what is white."""
    answers = np.zeros((view.shape[0] // STRIDE, view.shape[1] // STRIDE, 10), np.float32)
    rows, columns = np.nonzero(view[..., 0] > 172)
    if rows.size:
        left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        row, column = int((top + bottom) / 2 // STRIDE), int((left + right) / 2 // STRIDE)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        middle = (np.array([column, row]) + 0.5) * STRIDE
        answers[row, column, 0] = 0.81
        answers[row, column, 2:] = (corners - middle).reshape(-1)
    return answers


def nothing(view):
    return np.zeros((view.shape[0] // STRIDE, view.shape[1] // STRIDE, 10), np.float32)


def test_the_view_shows_the_plate_in_its_middle_half_its_width(photo):
    near = close_view(photo, PLATE)

    columns = np.nonzero((near.pixels[..., 0] > 172).any(axis=0))[0]
    assert near.pixels.shape == (SIZE, SIZE, 3)
    assert columns.min() == pytest.approx(SIZE / 4, abs=2)
    assert columns.max() == pytest.approx(SIZE * 3 / 4, abs=2)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_corners_come_back_to_where_they_are_in_the_photograph(photo, scale):
    larger = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    near = close_view(larger, PLATE * scale)
    rows, columns = np.nonzero(near.pixels[..., 0] > 172)
    seen = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])

    back = near.to_photo(seen.astype(np.float32))

    np.testing.assert_allclose(back, PLATE[[0, 2]] * scale, atol=1.0 * max(scale, 1))


def test_a_view_over_the_edge_is_padded(photo):
    near = close_view(photo, PLATE - PLATE[0])

    assert near.pixels[0, 0].tolist() == [114, 114, 114]
    np.testing.assert_allclose(near.to_photo(np.zeros((4, 2), np.float32))[0], near.origin)


def test_a_place_outside_the_photograph_is_all_padding(photo):
    assert (close_view(photo, PLATE + 5000).pixels == 114).all()


def test_a_far_plate_is_not_blown_up_without_end(photo):
    assert close_view(photo, PLATE[0] + (PLATE - PLATE[0]) * 0.1).scale == pytest.approx(1.6)


def test_the_second_look_mends_loose_corners(photo):
    loose = Peak(PLATE + np.array([[-8, -4], [8, -4], [8, 4], [-8, 4]], np.float32), 1.0, 0)

    (mended,) = look_again(photo, [loose], white_parts, 0.3)

    np.testing.assert_allclose(mended.corners, (PLATE + loose.corners) / 2, atol=0.6)
    assert mended.score == pytest.approx(0.9)


def test_what_the_second_look_does_not_see_is_dropped(photo):
    assert look_again(photo, [Peak(PLATE, 0.9, 0)], nothing, 0.3) == []


def test_what_the_second_look_sees_elsewhere_is_no_confirmation(photo):
    beside = Peak(PLATE + np.array([110, 0], np.float32), 0.9, 0)

    assert look_again(photo, [beside], white_parts, 0.3) == []


def test_two_finds_that_turn_out_to_be_one_plate_are_one(photo):
    peaks = [Peak(PLATE + 6, 0.9, 0), Peak(PLATE - 6, 0.8, 0)]

    assert len(look_again(photo, peaks, white_parts, 0.3)) == 1


def test_every_plate_of_a_full_car_park_is_looked_at_again(photo):
    photo[:] = 90
    places = [PLATE - PLATE[0] + [50 + 380 * (i % 3), 40 + 170 * (i // 3)] for i in range(15)]
    for left, top in (place[0] for place in np.array(places, int)):
        photo[top : top + 24, left : left + 100] = 255
    peaks = [Peak(np.array(place, np.float32), 0.4, 0) for place in places]

    assert len(look_again(photo, peaks, white_parts, 0.3)) == 15


def test_the_surest_are_looked_at_where_there_are_too_many(photo):
    doubtful = [Peak(PLATE + 300, 0.3, 0)] * MOST_LOOKS

    assert len(look_again(photo, [*doubtful, Peak(PLATE, 0.9, 0)], white_parts, 0.3)) == 1


def test_a_detector_with_a_first_threshold_looks_twice(photo):
    sizes = []

    def answer(view):
        sizes.append(view.shape[:2])
        return white_parts(view)

    NetworkDetector(answer, [(480, 640)], 0.3, first_threshold=0.2).detect(photo)
    NetworkDetector(answer, [(480, 640)], 0.3).detect(photo)

    assert sizes == [(480, 640), (SIZE, SIZE), (480, 640)]


@pytest.mark.parametrize(("side", "expected"), [(1800, (480, 640)), (2400, (736, 960))])
def test_a_large_photograph_goes_into_a_large_input(side, expected):
    sizes = []

    def answer(view):
        sizes.append(view.shape[:2])
        return nothing(view)

    detector = NetworkDetector(answer, [(480, 640)], 0.3, large_inputs=[(736, 960)])
    detector.detect(np.zeros((side * 3 // 4, side, 3), np.uint8))

    assert sizes == [expected]
