"""Fits photographs into a frame, and crops plates to a frontal view."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.drawn_pictures import WHITE

from hkplates.recognition.images.warp import CROP_MARGIN, letterbox, rectify
from hkplates.recognition.types import Quad


@pytest.mark.parametrize(("wide", "high"), [(48, 32), (32, 48), (640, 10), (7, 7)])
def test_a_letterbox_maps_points_by_scale_and_offset(wide: int, high: int) -> None:
    photo = np.zeros((high, wide, 3), np.uint8)
    photo[high // 2 :, wide // 2 :] = 255
    boxed, scale, left, top = letterbox(photo, 160, 120)
    assert boxed.shape == (120, 160, 3)
    middle_of_white = (wide * 0.75 * scale + left, high * 0.75 * scale + top)
    middle_of_black = (wide * 0.25 * scale + left, high * 0.25 * scale + top)
    assert boxed[int(middle_of_white[1]), int(middle_of_white[0]), 0] > 200
    assert boxed[int(middle_of_black[1]), int(middle_of_black[0]), 0] < 50


@pytest.mark.parametrize("size", [(1200, 900), (1333, 901), (4032, 3024), (200, 3001)])
def test_halving_first_moves_nothing(size: tuple[int, int]) -> None:
    wide, high = size
    photo = np.zeros((high, wide, 3), np.uint8)
    left, top = round(wide * 0.8), round(high * 0.7)
    photo[top:, left:] = 255
    boxed, scale, beside, above = letterbox(photo, 640, 480)
    white = np.argwhere(boxed[:, :, 0] > 127)
    assert white.min(axis=0)[1] == pytest.approx(left * scale + beside, abs=1.5)
    assert white.min(axis=0)[0] == pytest.approx(top * scale + above, abs=1.5)


def test_a_photo_shrunk_far_is_the_mean_of_its_pixels() -> None:
    photo = np.zeros((1920, 2560, 3), np.uint8)
    photo[:, ::4] = photo[:, 1::4] = 255
    boxed, *_ = letterbox(photo, 640, 480)
    assert np.abs(boxed.astype(int) - 128).max() <= 2


def test_a_letterbox_does_not_stretch() -> None:
    _, scale, left, top = letterbox(np.zeros((100, 400, 3), np.uint8), 640, 480)
    assert (scale, left, top) == (1.6, 0.0, 160.0)


QUAD = Quad((100, 50), (300, 80), (295, 130), (95, 100))


def test_a_plate_is_cropped_to_a_frontal_view() -> None:
    photo = np.zeros((200, 400, 3), np.uint8)
    picture = Image.fromarray(photo)
    ImageDraw.Draw(picture).polygon(
        [QUAD.top_left, QUAD.top_right, QUAD.bottom_right, QUAD.bottom_left], WHITE
    )
    crop = rectify(np.asarray(picture), QUAD)
    margin = round(72 * CROP_MARGIN)
    assert crop.shape[0] == 72 + 2 * margin
    assert crop[margin + 3 : -margin - 3, margin + 3 : -margin - 3].min() > 200
    assert crop[: margin - 3].max() < 60


def test_a_squarish_plate_is_cropped_twice_as_high() -> None:
    crop = rectify(np.zeros((200, 400, 3), np.uint8), Quad((0, 0), (160, 0), (160, 90), (0, 90)))
    assert crop.shape[0] == 144 + 2 * round(144 * CROP_MARGIN)


@pytest.mark.parametrize(
    "quad",
    [
        pytest.param(Quad((-40, -30), (60, -25), (60, 5), (-40, 0)), id="over the edge"),
        pytest.param(Quad((10, 10), (10, 10), (10, 10), (10, 10)), id="a point"),
        pytest.param(Quad((0, 20), (300, 20), (300, 21), (0, 21)), id="a line"),
    ],
)
def test_an_odd_quad_still_gives_a_crop(quad: Quad) -> None:
    crop = rectify(np.full((60, 80, 3), 9, np.uint8), quad)
    assert crop.dtype == np.uint8
    assert crop.shape[0] < 300
    assert crop.shape[1] < 1500
