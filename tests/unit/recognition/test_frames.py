"""Cuts photographs of every size into frames for the network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.detection.frames import (
    COARSE_MARGIN,
    TILE_OVERLAP,
    TILE_SCALE,
    best_input,
    cut_frames,
)

INPUTS = [(480, 640), (640, 480), (560, 560)]
LARGE_INPUTS = [(736, 960), (960, 736), (832, 832)]


def photo(wide, high):
    return np.zeros((high, wide, 3), np.uint8)


def frames(wide, high):
    return list(cut_frames(photo(wide, high), INPUTS, LARGE_INPUTS))


def corners(frame, box):
    """Returns the corners (4, 2) of a box of the photograph in pixels of the frame."""
    left, top, right, bottom = box
    points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return points * frame.scale + frame.offset


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param((400, 300), (480, 640), id="landscape"),
        pytest.param((300, 400), (640, 480), id="portrait"),
        pytest.param((300, 300), (560, 560), id="square"),
        pytest.param((400, 100), (480, 640), id="panorama"),
    ],
)
def test_a_photograph_goes_into_the_input_that_shows_it_largest(size, expected):
    assert best_input(photo(*size), INPUTS) == expected


@pytest.mark.parametrize(
    ("size", "shapes"),
    [
        pytest.param((1280, 960), [(480, 640), (176, 240)], id="a photograph"),
        pytest.param((60, 20), [(480, 640), (176, 240)], id="a bare crop of a plate"),
        pytest.param((960, 1280), [(640, 480), (240, 176)], id="upright"),
        pytest.param((1920, 1080), [(736, 960), (176, 240)], id="large"),
    ],
)
def test_a_photograph_is_seen_whole_at_two_sizes(size, shapes):
    assert [frame.pixels.shape[:2] for frame in frames(*size)] == shapes


def test_a_plate_that_fills_the_picture_lies_inside_the_coarse_frame():
    coarse = frames(64, 20)[-1]

    low, high = corners(coarse, (0, 0, 64, 20))[[0, 2]]

    assert low.min() >= COARSE_MARGIN
    assert (high <= np.array(coarse.pixels.shape[1::-1]) - COARSE_MARGIN).all()
    assert 160 <= high[0] - low[0] <= 225


def test_a_frame_shows_the_photograph_where_it_says():
    picture = photo(1280, 960)
    picture[480:576, 640:768] = (250, 20, 20)

    for frame in cut_frames(picture, INPUTS):
        left, top = corners(frame, (640, 480, 768, 576))[0].round().astype(int)
        right, bottom = corners(frame, (640, 480, 768, 576))[2].round().astype(int)
        assert frame.pixels[top + 1 : bottom - 1, left + 1 : right - 1, 0].min() > 200
        np.testing.assert_allclose(
            frame.to_photo(corners(frame, (640, 480, 768, 576))),
            [[640, 480], [768, 480], [768, 576], [640, 576]],
            atol=0.01,
        )


@given(
    st.sampled_from([(4000, 3000), (8000, 2000), (1500, 6000), (16000, 600), (3000, 250)]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(60, 1500),
)
def test_every_plate_is_seen_whole_at_a_width_the_network_knows(size, x, y, width):
    """Any plate four times as wide as high, wherever it lies, up to the picture's own size."""
    wide, high = size
    width = min(width, wide, high * 4)
    left, top = x * (wide - width), y * (high - width / 4)
    box = (left, top, left + width, top + width / 4)

    seen = [
        width * frame.scale[0]
        for frame in frames(wide, high)
        if frame.shows_whole(corners(frame, box)) and within(frame, corners(frame, box))
    ]

    assert any(20 <= pixels <= 225 for pixels in seen)


def within(frame, points):
    high, wide = frame.pixels.shape[:2]
    return points.min() >= -0.01 and (points.max(axis=0) <= np.array([wide, high]) + 0.01).all()


def test_tiles_overlap_and_end_where_the_photograph_ends():
    tiles = [frame for frame in frames(8000, 6000) if frame.level == 0]
    lefts = sorted({-float(tile.offset[0]) for tile in tiles})
    tops = sorted({-float(tile.offset[1]) for tile in tiles})

    assert lefts[0] == tops[0] == 0
    assert lefts[-1] == pytest.approx(8000 * TILE_SCALE - 640, abs=1)
    assert tops[-1] == pytest.approx(6000 * TILE_SCALE - 480, abs=1)
    assert np.diff(lefts).max() <= 640 - TILE_OVERLAP[1] + 1
    assert np.diff(tops).max() <= 480 - TILE_OVERLAP[0] + 1


def test_what_a_seam_cuts_is_left_to_the_neighbouring_tile():
    first, second, *_ = frames(8000, 6000)
    beside = np.array([[600, 10], [650, 10], [650, 25], [600, 25]], np.float32)

    assert not first.shows_whole(beside)
    assert second.shows_whole((first.to_photo(beside)) * second.scale + second.offset)


def test_the_edge_of_the_photograph_is_no_seam():
    first = frames(8000, 6000)[0]

    assert first.shows_whole(np.array([[-5, -3], [40, -3], [40, 10], [-5, 10]], np.float32))


@pytest.mark.parametrize("size", [(2_000_000, 1), (1, 2_000_000), (60_000, 100)])
def test_a_picture_too_thin_for_any_camera_is_not_cut_into_thousands_of_tiles(size):
    assert len(frames(*size)) == 2
