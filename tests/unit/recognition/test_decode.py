"""Decodes every kind of file that a photo archive holds, made on the fly, to its colours."""

import struct
import threading
import zlib

import numpy as np
import pytest
from faults.bombs import refinements
from faults.bombs_tiff import plain, tiff
from PIL import Image, ImageChops, ImageDraw
from support.drawn_pictures import (
    ADOBE,
    BLUE,
    GREEN,
    IN_COLOUR,
    JPEG,
    NO_PIXEL_LIMIT,
    RED,
    WHITE,
    assert_upright,
    cmyk_jpeg,
    encoded,
    four_colours,
)

from hkplates.recognition.images.decode import decode
from hkplates.recognition.types import Photo


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
        pytest.param("BMP", "P", {}, id="palette bmp"),
        pytest.param("TIFF", "RGB", {"compression": "tiff_adobe_deflate"}, id="deflate tiff"),
        pytest.param("TIFF", "RGB", {"compression": "packbits"}, id="packbits tiff"),
        pytest.param("TIFF", "RGB", {"compression": "jpeg", "quality": 95}, id="jpeg in tiff"),
        pytest.param("TIFF", "RGB", {"big_tiff": True}, id="big tiff"),
        pytest.param("TIFF", "RGBA", {}, id="tiff with alpha"),
        pytest.param("TIFF", "P", {}, id="palette tiff"),
        pytest.param("WEBP", "RGB", {"lossless": True}, id="lossless webp"),
        pytest.param("PNG", "RGB", {"interlace": 1}, id="woven png"),
        pytest.param("JPEG", "RGB", {**JPEG, "keep_rgb": True}, id="jpeg of red, green, blue"),
        pytest.param("JPEG", "RGB", {**JPEG, "restart_marker_rows": 1}, id="jpeg with restarts"),
    ],
)
def test_a_picture_of_any_kind_becomes_rgb(kind: str, mode: str, options: dict[str, int]) -> None:
    picture = four_colours().quantize(8) if mode == "P" else four_colours().convert(mode)
    assert_upright(encoded(picture, kind, **options), IN_COLOUR, tolerance=25)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_cmyk_jpeg_keeps_its_colours(options: dict[str, bool]) -> None:
    assert_upright(cmyk_jpeg(**options), IN_COLOUR, tolerance=25)


def test_a_cmyk_jpeg_without_adobes_marker_is_not_inverted() -> None:
    picture = ImageChops.invert(four_colours().convert("CMYK"))
    data = encoded(picture, "JPEG", **JPEG)
    start = data.index(ADOBE)
    assert_upright(data[:start] + data[start + 16 :], IN_COLOUR, tolerance=25)


def test_a_ycck_jpeg_keeps_its_colours() -> None:
    cyan, magenta, yellow, black = four_colours().convert("CMYK").split()
    # Adobe stores inks inverted, so their opposite is coded: cyan as red, and so on.
    coded = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    inks = Image.merge("CMYK", (*coded.split(), ImageChops.invert(black)))
    # Pillow inverts what it writes as CMYK, and the file is to hold these values as they are.
    data = bytearray(encoded(ImageChops.invert(inks), "JPEG", **JPEG))
    transform = data.index(ADOBE) + 15
    assert data[transform] == 0
    data[transform] = 2  # Adobe's number for YCCK
    assert_upright(bytes(data), IN_COLOUR, tolerance=30)


def test_an_arithmetic_coded_jpeg_is_read() -> None:
    """Decodes blocks of no difference from each other, all of middle gray."""
    pixels = decode(refinements(48, 32, 2, kind=0xCA), max_pixels=NO_PIXEL_LIMIT).pixels
    assert pixels.shape == (32, 48, 3)
    assert np.ptp(pixels[:, :, 1].astype(int)) <= 2


def test_big_endian_and_little_endian_tiff_are_the_same() -> None:
    levels = bytes(range(0, 192, 4)) * 64
    found = [
        decode(tiff(plain(), levels, order=order), max_pixels=NO_PIXEL_LIMIT).pixels
        for order in "<>"
    ]
    assert np.array_equal(*found)
    assert np.array_equal(found[0][:, :, 1].ravel(), np.frombuffer(levels, np.uint8))


def test_of_a_tiff_of_many_pages_the_first_is_read() -> None:
    pages = [Image.new("RGB", (48, 32), GREEN)] * 3
    data = encoded(four_colours(), "TIFF", save_all=True, append_images=pages)
    assert_upright(data, IN_COLOUR)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_of_a_moving_picture_the_first_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (48, 32), GREEN)] * 3
    data = encoded(four_colours(), kind, save_all=True, append_images=frames, lossless=True)
    assert_upright(data, IN_COLOUR)


def test_a_bmp_of_one_bit_is_black_and_white() -> None:
    gray = Image.new("1", (48, 32), 0)
    ImageDraw.Draw(gray).rectangle((24, 0, 47, 31), 1)
    expected = [(0, 0, 0), (255, 255, 255), (255, 255, 255), (0, 0, 0)]
    assert_upright(encoded(gray, "BMP"), expected)


@pytest.mark.parametrize("half", [False, True], ids=["bytes", "half bytes"])
def test_a_packed_bmp_is_unpacked(half: bool) -> None:
    assert_upright(packed_bmp(half=half), IN_COLOUR)


def packed_bmp(*, half: bool) -> bytes:
    """Returns a BMP of run lengths, 8 bits or 4: lines from the bottom, of two runs of 24 each."""
    palette = b"".join(bytes([*colour[::-1], 0]) for colour in (RED, GREEN, WHITE, BLUE))
    rows = ((3, 2), (0, 1))  # blue and white below, red and green above
    runs = [
        bytes([24, left * 17 if half else left, 24, right * 17 if half else right, 0, 0])
        for left, right in rows
        for _ in range(16)
    ]
    data = b"".join(runs) + b"\0\1"
    start = 14 + 40 + len(palette)
    head = struct.pack("<2sLHHL", b"BM", start + len(data), 0, 0, start)
    bits, packing = (4, 2) if half else (8, 1)
    info = struct.pack("<LllHHLLllLL", 40, 48, 32, 1, bits, packing, len(data), 0, 0, 4, 4)
    return head + info + palette + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_of_a_tiff_of_16_bits_the_upper_ones_are_kept(order: str) -> None:
    levels = np.tile(np.linspace(0, 65535, 48).astype(np.uint16), (32, 1))
    picture = Image.fromarray(levels.astype(order + "u2"))
    pixels = decode(encoded(picture, "TIFF"), max_pixels=NO_PIXEL_LIMIT).pixels
    assert np.array_equal(pixels[:, :, 0], levels >> 8)


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
    pixels = decode(encoded(Image.fromarray(levels), "PNG"), max_pixels=NO_PIXEL_LIMIT).pixels
    assert np.array_equal(pixels[:, :, 0], levels >> 8)


def test_16_bit_colour_becomes_8_bit_colour() -> None:
    assert_upright(png_of_16_bits(np.asarray(four_colours())), IN_COLOUR, tolerance=1)


def png_of_16_bits(pixels: Photo) -> bytes:
    """Encodes PNG with 16 bits a channel, which Pillow does not write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels.astype(np.uint16) * 257)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def test_threads_decode_at_once() -> None:
    files = [encoded(four_colours(), kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")] * 6
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
