"""Draws small pictures for tests of decoding, and compares decoded pixels with them."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from hkplates.recognition.images.decode import decode
from hkplates.recognition.types import Photo

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 180, 40), (40, 60, 210), (240, 240, 240)

NO_PIXEL_LIMIT = 10**9
IN_COLOUR = [RED, GREEN, WHITE, BLUE]
JPEG = {"quality": 95, "subsampling": 0}
ADOBE = b"\xff\xee\0\x0eAdobe"


def four_colours() -> Image.Image:
    """Draws 48 x 32 pixels; red, green, white, blue quadrants, clockwise from the top left."""
    picture = Image.new("RGB", (48, 32), RED)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((24, 0, 47, 15), GREEN)
    draw.rectangle((24, 16, 47, 31), WHITE)
    draw.rectangle((0, 16, 23, 31), BLUE)
    return picture


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Encodes a picture in a format of Pillow's."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def cmyk_jpeg(**options: Any) -> bytes:
    """Encodes a CMYK JPEG as Photoshop does: inverted, with Adobe's marker."""
    data = encoded(four_colours().convert("CMYK"), "JPEG", **JPEG, **options)
    assert ADOBE in data
    return data


def noise() -> Image.Image:
    """Draws 120 x 90 pixels that do not compress: every part of its file is needed."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (90, 120, 3), np.uint8))


def quadrant_colours(pixels: Photo) -> list[tuple[int, ...]]:
    """Returns the colour of each quadrant's middle, clockwise from the top left."""
    high, wide = pixels.shape[:2]
    top, bottom, left, right = high // 4, 3 * high // 4, wide // 4, 3 * wide // 4
    places = ((top, left), (top, right), (bottom, right), (bottom, left))
    return [tuple(int(value) for value in pixels[place]) for place in places]


def assert_upright(data: bytes, expected: list[tuple[int, ...]], tolerance: int = 12) -> None:
    """Asserts that a file decodes to 48 x 32 pixels whose quadrants have these colours."""
    pixels = decode(data, max_pixels=NO_PIXEL_LIMIT).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (32, 48, 3)
    assert pixels.flags["C_CONTIGUOUS"]
    difference = np.array(quadrant_colours(pixels)) - np.array(expected)
    assert np.abs(difference).max() <= tolerance
