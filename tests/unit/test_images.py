"""Every kind of file a photo archive holds, made on the fly."""

import io
import struct
import threading
import zlib
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from faults.bombs import frame, jpeg, refinements, scan
from faults.bombs_tiff import LONG, SHORT, plain, tiff
from PIL import Image, ImageChops, ImageDraw

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
    picture = corners().quantize(8) if mode == "P" else corners().convert(mode)
    assert_upright(encoded(picture, kind, **options), IN_COLOUR, tolerance=25)


def cmyk_jpeg(**options: object) -> bytes:
    """As Photoshop has it: inverted, with Adobe's marker."""
    data = encoded(corners().convert("CMYK"), "JPEG", **JPEG, **options)
    assert ADOBE in data
    return data


ADOBE = b"\xff\xee\0\x0eAdobe"


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_cmyk_jpeg_keeps_its_colours(options: dict[str, bool]) -> None:
    assert_upright(cmyk_jpeg(**options), IN_COLOUR, tolerance=25)


def test_a_cmyk_jpeg_without_adobes_marker_is_not_inverted() -> None:
    picture = ImageChops.invert(corners().convert("CMYK"))
    data = encoded(picture, "JPEG", **JPEG)
    start = data.index(ADOBE)
    assert_upright(data[:start] + data[start + 16 :], IN_COLOUR, tolerance=25)


def test_a_ycck_jpeg_keeps_its_colours() -> None:
    cyan, magenta, yellow, black = corners().convert("CMYK").split()
    # Of inverted inks, as Adobe has them, the opposite is coded: cyan's as red, and so on.
    coded = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    inks = Image.merge("CMYK", (*coded.split(), ImageChops.invert(black)))
    # Pillow inverts what it writes as CMYK, and the file is to hold these values as they are.
    data = bytearray(encoded(ImageChops.invert(inks), "JPEG", **JPEG))
    transform = data.index(ADOBE) + 15
    assert data[transform] == 0
    data[transform] = 2  # Adobe's number for YCCK
    assert_upright(bytes(data), IN_COLOUR, tolerance=30)


def test_an_arithmetic_coded_jpeg_is_read() -> None:
    """One gray block after another, of no difference: middle gray."""
    pixels = decode(refinements(48, 32, 2, kind=0xCA), max_pixels=EVERY_PIXEL).pixels
    assert pixels.shape == (32, 48, 3)
    assert np.ptp(pixels[:, :, 1].astype(int)) <= 2


def test_big_endian_and_little_endian_tiff_are_the_same() -> None:
    levels = bytes(range(0, 192, 4)) * 64
    found = [
        decode(tiff(plain(), levels, order=order), max_pixels=EVERY_PIXEL).pixels for order in "<>"
    ]
    assert np.array_equal(*found)
    assert np.array_equal(found[0][:, :, 1].ravel(), np.frombuffer(levels, np.uint8))


def test_of_a_tiff_of_many_pages_the_first_is_read() -> None:
    pages = [Image.new("RGB", (48, 32), GREEN)] * 3
    data = encoded(corners(), "TIFF", save_all=True, append_images=pages)
    assert_upright(data, IN_COLOUR)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_of_a_moving_picture_the_first_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (48, 32), GREEN)] * 3
    data = encoded(corners(), kind, save_all=True, append_images=frames, lossless=True)
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
    """Run lengths of 8 bits or 4: lines from the bottom, each of two runs of 24 pixels."""
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
    pixels = decode(encoded(picture, "TIFF"), max_pixels=EVERY_PIXEL).pixels
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
        pytest.param(b"\xff\x0a\xfa\x1f", ImageUnsupported, "JPEG XL", id="jpeg xl"),
        pytest.param(b"\0\0\0\x0cJXL \r\n", ImageUnsupported, "JPEG XL", id="boxed jpeg xl"),
        pytest.param(b"\0\0\0\x0cjP  \r\n", ImageUnsupported, "JPEG 2000", id="jpeg 2000"),
        pytest.param(b"\xff\x4f\xff\x51\0\x2f", ImageUnsupported, "JPEG 2000", id="bare jpeg 2000"),
        pytest.param(b"FUJIFILMCCD-RAW 0201", ImageUnsupported, "Fuji raw", id="fuji raw"),
        pytest.param(b"IIRO\x08\0\0\0", ImageUnsupported, "Olympus raw", id="olympus raw"),
        pytest.param(b"IIU\0\x18\0\0\0", ImageUnsupported, "Panasonic", id="panasonic raw"),
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


def test_a_jpeg_of_12_bits_or_without_loss_is_unsupported() -> None:
    for kind, bits in ((0xC1, 12), (0xC3, 8)):
        with pytest.raises(ImageUnsupported, match="save it as baseline"):
            decode(jpeg(frame(48, 32, kind=kind, bits=bits), scan()), max_pixels=EVERY_PIXEL)


def test_a_jpeg_of_too_many_scans_for_its_size_is_refused_before_any_is_decoded() -> None:
    assert decode(refinements(48, 32, 90), max_pixels=EVERY_PIXEL).pixels.shape == (32, 48, 3)
    for data in (refinements(48, 32, 200), refinements(12_000, 10_000, 20, kind=0xCA)):
        with pytest.raises(ImageUndecodable, match="scans, too many for its size"):
            decode(data, max_pixels=120_000_000)


def test_what_looks_like_scans_behind_the_picture_is_not_counted() -> None:
    assert_upright(encoded(corners(), "JPEG", **JPEG) + b"\xff\xda" * 500, IN_COLOUR)


def test_a_hungry_decoder_is_given_less_of_the_limit() -> None:
    data = encoded(corners(), "WEBP")
    assert decode(data, max_pixels=48 * 32 * 2).pixels.shape == (32, 48, 3)
    with pytest.raises(ImageTooLarge, match="whose decoder needs more memory"):
        decode(data, max_pixels=48 * 32)
    data = cmyk_jpeg(progressive=True)
    with pytest.raises(ImageTooLarge, match="whose decoder needs more memory"):
        decode(data, max_pixels=48 * 32)


def test_tags_that_hold_more_than_their_file_are_refused() -> None:
    tags = dict.fromkeys(range(50000, 50003), (SHORT, 1500, 8))
    with pytest.raises(ImageUndecodable, match="more than the file holds"):
        decode(tiff({**plain(), **tags}), max_pixels=EVERY_PIXEL)


def test_a_tile_larger_than_any_photograph_is_refused() -> None:
    tiles = {322: (LONG, 1, 65_536), 323: (LONG, 1, 32_752)}
    for order in "<>":
        with pytest.raises(ImageTooLarge, match="TIFF tiles of"):
            decode(tiff({**plain(), **tiles}, order=order), max_pixels=EVERY_PIXEL)


def test_more_pixels_than_pillow_would_allow_are_ours_to_allow() -> None:
    data = png_header_of(20_000, 20_000)
    with pytest.raises(ImageTooLarge, match="the limit is 399999999; raise"):
        decode(data, max_pixels=399_999_999)
    with pytest.raises(ImageTruncated):
        decode(data, max_pixels=400_000_000)


def png_header_of(wide: int, high: int) -> bytes:
    data = bytearray(encoded(corners(), "PNG"))
    data[16:24] = struct.pack(">LL", wide, high)
    data[29:33] = struct.pack(">L", zlib.crc32(data[12:29]))
    return bytes(data)


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
