"""Plates from a few pixels' width to all of the picture, and on very large photographs."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from hkplates.recognition import marks
from hkplates.recognition.recogniser import Recogniser, open_recogniser
from hkplates.recognition.types import Photo
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample

SCENES, SEED = 4, 5
MODELS = Path(__file__).parents[3] / "models"

DrawnPlate = tuple[str, Photo, npt.NDArray[np.float32]]
"""A mark, the drawn photograph that shows it, and left, top, right and bottom of its plate."""


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return open_recogniser(MODELS, "litert", None, "neural")


@pytest.fixture(scope="module")
def plates() -> list[DrawnPlate]:
    drawn = []
    for number in range(SCENES):
        scene = sample(number, SEED, FontLibrary())
        for placed in scene.plates:
            box = np.concatenate([placed.quad.min(0), placed.quad.max(0)]).astype(np.float32)
            drawn.append((marks.canonical(placed.plate.text), scene.pixels, box))
    return drawn


def read(recogniser: Recogniser, photo: Photo) -> list[str]:
    [found] = recogniser.recognise([np.ascontiguousarray(photo)])
    return [plate.mark for plate in found if plate.region == "HK"]


def cut_out(photo: Photo, box: npt.NDArray[np.float32], share: float) -> Photo:
    """Cuts a plate out so that it fills `share` of the picture's width, 640 pixels wide."""
    wide = (box[2] - box[0]) / share
    high = max(wide * 0.75, (box[3] - box[1]) * 1.15)
    x, y = (box[:2] + box[2:]) / 2
    left, top = max(0, round(x - wide / 2)), max(0, round(y - high / 2))
    part = photo[top : round(y + high / 2), left : round(x + wide / 2)]
    size = (640, max(1, round(640 * part.shape[0] / part.shape[1])))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.7, 0.9, 1.0])
def test_a_plate_is_one_plate_whatever_share_of_the_picture_it_fills(
    recogniser: Recogniser, plates: list[DrawnPlate], share: float
) -> None:
    readings = [(mark, read(recogniser, cut_out(photo, box, share))) for mark, photo, box in plates]

    right = sum(mark in seen for mark, seen in readings)
    assert right >= 0.8 * len(readings), readings
    # Halves of a plate are no plates: AB and 1234 beside or in place of AB1234.
    assert [
        (mark, part)
        for mark, seen in readings
        for part in seen
        if part != mark and (mark.startswith(part) or mark.endswith(part))
    ] == []


@pytest.mark.parametrize(
    ("size", "width"),
    [
        pytest.param((16000, 1000), 120, id="a panorama"),
        pytest.param((5000, 3000), 60, id="15 megapixels"),
        pytest.param((1000, 9000), 120, id="a strip on end"),
    ],
)
def test_plates_are_found_wherever_they_lie_on_a_very_large_photograph(
    recogniser: Recogniser, plates: list[DrawnPlate], size: tuple[int, int], width: int
) -> None:
    wide, high = size
    photo = np.full((high, wide, 3), (120, 124, 128), np.uint8)
    asked = plates[:4]
    for number, (_, scene, box) in enumerate(asked):
        scale = width / (box[2] - box[0])
        small = cv2.resize(scene, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        small = small[:high, :wide]
        left = round((wide - small.shape[1]) * number / (len(asked) - 1))
        top = round((high - small.shape[0]) * number / (len(asked) - 1))
        photo[top : top + small.shape[0], left : left + small.shape[1]] = small

    seen = read(recogniser, photo)

    assert len({mark for mark, *_ in asked} & {*seen}) >= len(asked) - 1, seen
