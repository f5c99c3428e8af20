"""Every kind of file a photo archive holds, made on the fly."""

import io
import struct
import threading
import zlib
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hkplates.errors import (
    ImageEmpty,
    ImageRejected,
    ImageTooLarge,
    ImageTruncated,
    ImageUndecodable,
    ImageUnsupported,
)
from hkplates.recognition.images import CROP_MARGIN, decode, letterbox, rectify
from hkplates.recognition.types import Photo, Quad

RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 180, 40), (40, 60, 210), (240, 240, 240)
EVERY_PIXEL = 10**9
ORIENTATION, EXIF_PART, TAKEN, OFFSET = 0x0112, 0x8769, 0x9003, 0x9011


def corners() -> Image.Image:
    """48 x 32; red, green, white, blue quarters, clockwise from the top left."""
    picture = Image.new("RGB", (48, 32), RED)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((24, 0, 47, 15), GREEN)
    draw.rectangle((24, 16, 47, 31), WHITE)
    draw.rectangle((0, 16, 23, 31), BLUE)
    return picture


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


def quarters(pixels: Photo) -> list[tuple[int, ...]]:
    """The middle of each quarter, clockwise from the top left."""
    high, wide = pixels.shape[:2]
    top, bottom, left, right = high // 4, 3 * high // 4, wide // 4, 3 * wide // 4
    places = ((top, left), (top, right), (bottom, right), (bottom, left))
    return [tuple(int(value) for value in pixels[place]) for place in places]


def assert_upright(data: bytes, expected: list[tuple[int, ...]], tolerance: int = 12) -> None:
    pixels = decode(data, max_pixels=EVERY_PIXEL).pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (32, 48, 3)
    assert pixels.flags["C_CONTIGUOUS"]
    difference = np.array(quarters(pixels)) - np.array(expected)
    assert np.abs(difference).max() <= tolerance


IN_COLOUR = [RED, GREEN, WHITE, BLUE]
JPEG = {"quality": 95, "subsampling": 0}


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        pytest.param("JPEG", "RGB", JPEG, id="jpeg"),
        pytest.param("JPEG", "RGB", {**JPEG, "progressive": True}, id="progressive jpeg"),
        pytest.param("PNG", "RGB", {}, id="png"),
        pytest.param("PNG", "P", {}, id="palette"),
        pytest.param("PNG", "RGBA", {}, id="alpha"),
        pytest.param("WEBP", "RGB", {"quality": 95}, id="webp"),
        pytest.param("WEBP", "RGBA", {"lossless": True}, id="webp with alpha"),
        pytest.param("TIFF", "RGB", {}, id="tiff"),
        pytest.param("TIFF", "RGB", {"compression": "tiff_lzw"}, id="lzw tiff"),
        pytest.param("TIFF", "CMYK", {}, id="cmyk tiff"),
        pytest.param("BMP", "RGB", {}, id="bmp"),
    ],
)
def test_a_picture_of_any_kind_becomes_rgb(kind: str, mode: str, options: dict[str, int]) -> None:
    picture = corners().quantize(8) if mode == "P" else corners().convert(mode)
    assert_upright(encoded(picture, kind, **options), IN_COLOUR, tolerance=25)


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    assert_upright(encoded(corners().convert("CMYK"), "JPEG", **JPEG), IN_COLOUR, tolerance=25)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "L"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "1"), ("TIFF", "L"), ("WEBP", "L")],
)
def test_a_gray_picture_becomes_rgb(kind: str, mode: str) -> None:
    gray = Image.new("L", (48, 32), 0)
    ImageDraw.Draw(gray).rectangle((24, 0, 47, 31), 255)
    expected = [(0, 0, 0), (255, 255, 255), (255, 255, 255), (0, 0, 0)]
    assert_upright(encoded(gray.convert(mode), kind), expected)


def test_of_16_bits_the_upper_ones_are_kept() -> None:
    levels = np.tile(np.linspace(0, 65535, 48).astype(np.uint16), (32, 1))
    pixels = decode(encoded(Image.fromarray(levels), "PNG"), max_pixels=EVERY_PIXEL).pixels
    assert np.array_equal(pixels[:, :, 0], levels >> 8)


def test_16_bit_colour_becomes_8_bit_colour() -> None:
    assert_upright(png_of_16_bits(np.asarray(corners())), IN_COLOUR, tolerance=1)


def png_of_16_bits(pixels: Photo) -> bytes:
    """PNG with 16 bits a channel, which Pillow does not write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels.astype(np.uint16) * 257)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


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
def test_the_exif_turn_is_undone_exactly_once(kind: str, orientation: int) -> None:
    turn = STORED[orientation]
    stored = corners() if turn is None else corners().transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 95, "exif": exif}
    assert_upright(encoded(stored, kind, **options), IN_COLOUR, tolerance=25)


def test_an_orientation_that_does_not_exist_is_passed_over() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 9
    assert_upright(encoded(corners(), "JPEG", exif=exif, **JPEG), IN_COLOUR)


def taken(**tags: str) -> datetime | None:
    exif = Image.Exif()
    numbers = {"taken": TAKEN, "offset": OFFSET}
    exif[EXIF_PART] = {numbers[name]: value for name, value in tags.items()}
    return decode(encoded(corners(), "JPEG", exif=exif), max_pixels=EVERY_PIXEL).taken_at


def test_the_time_taken_carries_the_cameras_offset() -> None:
    moment = taken(taken="2026:07:01 08:30:00", offset="+09:00")
    assert moment == datetime(2026, 7, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))


def test_without_an_offset_the_time_taken_is_hong_kongs() -> None:
    assert taken(taken="2026:07:01 08:30:00") == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", ""])
def test_a_clock_never_set_tells_no_time(text: str) -> None:
    assert taken(taken=text) is None


def test_a_picture_without_exif_tells_no_time() -> None:
    assert decode(encoded(corners(), "PNG"), max_pixels=EVERY_PIXEL).taken_at is None


def test_damaged_exif_does_not_lose_the_picture() -> None:
    data = encoded(corners(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", **JPEG)
    assert_upright(data, IN_COLOUR)


def noise() -> Image.Image:
    """120 x 90 that does not compress: every part of its file is needed."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (90, 120, 3), np.uint8))


@pytest.mark.parametrize("share", [0.002, 0.05, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_file_cut_off_is_rejected(kind: str, share: float) -> None:
    data = encoded(noise(), kind)
    with pytest.raises(ImageRejected):
        decode(data[: max(8, int(len(data) * share))], max_pixels=EVERY_PIXEL)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_jpeg_cut_off_is_said_to_be_truncated(options: dict[str, bool]) -> None:
    data = encoded(noise(), "JPEG", **options)
    with pytest.raises(ImageTruncated, match="ends before the picture does"):
        decode(data[: len(data) * 2 // 3], max_pixels=EVERY_PIXEL)


def test_a_jpeg_without_only_its_last_marker_is_read() -> None:
    data = encoded(corners(), "JPEG", **JPEG)
    assert data.endswith(b"\xff\xd9")
    assert_upright(data[:-2], IN_COLOUR)


def test_a_jpeg_with_something_after_its_end_is_read() -> None:
    assert_upright(encoded(corners(), "JPEG", **JPEG) + b"\0" * 999 + b"trailer", IN_COLOUR)


def test_no_bytes_are_called_empty() -> None:
    with pytest.raises(ImageEmpty):
        decode(b"", max_pixels=EVERY_PIXEL)


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        pytest.param(b"\0\0\0\x18ftypheic", ImageUnsupported, "HEIC", id="heic"),
        pytest.param(b"\0\0\0\x18ftypavif", ImageUnsupported, "AVIF", id="avif"),
        pytest.param(b"\0\0\0\x18ftypmp42", ImageUnsupported, "MP4", id="mp4"),
        pytest.param(b"GIF89a\1\0\1\0", ImageUnsupported, "GIF", id="gif"),
        pytest.param(b"%PDF-1.7", ImageUnsupported, "PDF", id="pdf"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", ImageUnsupported, "AVI", id="avi"),
        pytest.param(b"\x1a\x45\xdf\xa3webm", ImageUnsupported, "WebM", id="webm"),
        pytest.param(b"PK\x03\x04", ImageUnsupported, "ZIP", id="zip"),
        pytest.param(b"II*\0\x10\0\0\0CR\2\0", ImageUnsupported, "Canon", id="canon raw"),
        pytest.param(b"dear diary", ImageUndecodable, "text", id="text"),
        pytest.param(b"<!DOCTYPE html>", ImageUndecodable, "HTML", id="html"),
        pytest.param(b"<?xml version='1.0'?><Error/>", ImageUndecodable, "XML", id="xml"),
        pytest.param(b"\0" * 400, ImageUndecodable, "zeros", id="zeros"),
        pytest.param(bytes(range(128, 200)), ImageUndecodable, "no known", id="anything"),
    ],
)
def test_what_is_no_photograph_is_named(data: bytes, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        decode(data, max_pixels=EVERY_PIXEL)


def test_the_thumbnail_in_a_cameras_raw_file_is_not_taken_for_the_picture() -> None:
    with pytest.raises(ImageUnsupported, match="raw"):
        decode(encoded(corners(), "TIFF", tiffinfo={254: 1}), max_pixels=EVERY_PIXEL)


@pytest.mark.parametrize(("wide", "high"), [(12_001, 10_000), (60_000, 60_000)])
def test_a_picture_over_the_limit_is_refused_from_its_header(wide: int, high: int) -> None:
    data = bytearray(encoded(corners(), "JPEG"))
    size = data.index(b"\xff\xc0") + 5  # of the frame header: marker, length, bits, then the size
    data[size : size + 4] = struct.pack(">HH", high, wide)
    with pytest.raises(ImageTooLarge, match="limit"):
        decode(bytes(data), max_pixels=120_000_000)


def test_a_picture_of_just_the_limit_is_read() -> None:
    data = encoded(corners(), "PNG")
    assert decode(data, max_pixels=48 * 32).pixels.shape == (32, 48, 3)
    with pytest.raises(ImageTooLarge):
        decode(data, max_pixels=48 * 32 - 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_whatever_is_damaged_is_read_or_rejected(kind: str) -> None:
    whole = np.frombuffer(encoded(noise(), kind), np.uint8)
    random = np.random.default_rng(3)
    for _ in range(60):
        damaged = whole.copy()
        places = random.integers(0, len(damaged), random.integers(1, 12))
        # Often at the front, where the header is.
        places[::2] %= 200
        damaged[places] = random.integers(0, 256, len(places))
        try:
            pixels = decode(damaged.tobytes(), max_pixels=1_000_000).pixels
        except ImageRejected:
            continue
        assert pixels.ndim == 3


def test_threads_decode_at_once() -> None:
    files = [encoded(corners(), kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")] * 6
    shapes: list[tuple[int, ...]] = []
    threads = [
        threading.Thread(
            target=lambda data=data: shapes.append(decode(data, max_pixels=10**6).pixels.shape)
        )
        for data in files
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(32, 48, 3)] * len(files)


@pytest.mark.parametrize(("wide", "high"), [(48, 32), (32, 48), (640, 10), (7, 7)])
def test_a_letterbox_tells_where_each_point_went(wide: int, high: int) -> None:
    photo = np.zeros((high, wide, 3), np.uint8)
    photo[high // 2 :, wide // 2 :] = 255
    boxed, scale, left, top = letterbox(photo, 160, 120)
    assert boxed.shape == (120, 160, 3)
    middle_of_white = (wide * 0.75 * scale + left, high * 0.75 * scale + top)
    middle_of_black = (wide * 0.25 * scale + left, high * 0.25 * scale + top)
    assert boxed[int(middle_of_white[1]), int(middle_of_white[0]), 0] > 200
    assert boxed[int(middle_of_black[1]), int(middle_of_black[0]), 0] < 50


def test_a_letterbox_does_not_stretch() -> None:
    _, scale, left, top = letterbox(np.zeros((100, 400, 3), np.uint8), 640, 480)
    assert (scale, left, top) == (1.6, 0.0, 160.0)


QUAD = Quad((100, 50), (300, 80), (295, 130), (95, 100))


def test_a_plate_is_seen_straight_on() -> None:
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


def test_a_squarish_plate_is_cut_out_twice_as_high() -> None:
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
