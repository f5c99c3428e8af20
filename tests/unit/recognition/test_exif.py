"""Applies EXIF's orientation exactly once, and takes the time a photograph was taken from it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from PIL import Image
from support.drawn_pictures import (
    IN_COLOUR,
    JPEG,
    NO_PIXEL_LIMIT,
    assert_upright,
    encoded,
    four_colours,
)

from hkplates.recognition.images.decode import decode

ORIENTATION, EXIF_PART, TAKEN, OFFSET = 0x0112, 0x8769, 0x9003, 0x9011


# How a camera stores the upright picture for each value of EXIF's Orientation.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_the_exif_orientation_is_applied_exactly_once(kind: str, orientation: int) -> None:
    transpose = STORED[orientation]
    stored = four_colours() if transpose is None else four_colours().transpose(transpose)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 95, "exif": exif}
    assert_upright(encoded(stored, kind, **options), IN_COLOUR, tolerance=25)


def test_an_orientation_that_does_not_exist_is_passed_over() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 9
    assert_upright(encoded(four_colours(), "JPEG", exif=exif, **JPEG), IN_COLOUR)


def taken(**tags: str) -> datetime | None:
    exif = Image.Exif()
    numbers = {"taken": TAKEN, "offset": OFFSET}
    exif[EXIF_PART] = {numbers[name]: value for name, value in tags.items()}
    return decode(encoded(four_colours(), "JPEG", exif=exif), max_pixels=NO_PIXEL_LIMIT).taken_at


def test_the_time_taken_carries_the_cameras_offset() -> None:
    moment = taken(taken="2026:07:01 08:30:00", offset="+09:00")
    assert moment == datetime(2026, 7, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))


def test_without_an_offset_the_time_taken_is_hong_kongs() -> None:
    assert taken(taken="2026:07:01 08:30:00") == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", ""])
def test_a_clock_never_set_gives_no_time(text: str) -> None:
    assert taken(taken=text) is None


def test_a_picture_without_exif_has_no_time() -> None:
    assert decode(encoded(four_colours(), "PNG"), max_pixels=NO_PIXEL_LIMIT).taken_at is None


def test_damaged_exif_does_not_lose_the_picture() -> None:
    data = encoded(four_colours(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", **JPEG)
    assert_upright(data, IN_COLOUR)
