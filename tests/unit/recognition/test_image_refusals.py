"""Refuses files that are truncated, damaged, of other formats, or made to cost much."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from faults.bombs import frame, jpeg, refinements, scan
from faults.bombs_tiff import LONG, SHORT, plain, tiff
from support.drawn_pictures import (
    IN_COLOUR,
    JPEG,
    NO_PIXEL_LIMIT,
    assert_upright,
    cmyk_jpeg,
    encoded,
    four_colours,
    noise,
)

from hkplates.errors import (
    ImageEmpty,
    ImageRejected,
    ImageTooLarge,
    ImageTruncated,
    ImageUndecodable,
    ImageUnsupported,
)
from hkplates.recognition.images.decode import decode


@pytest.mark.parametrize("share", [0.002, 0.05, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_truncated_file_is_rejected(kind: str, share: float) -> None:
    data = encoded(noise(), kind)
    with pytest.raises(ImageRejected):
        decode(data[: max(8, int(len(data) * share))], max_pixels=NO_PIXEL_LIMIT)


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_truncated_jpeg_is_named_as_truncated(options: dict[str, bool]) -> None:
    data = encoded(noise(), "JPEG", **options)
    with pytest.raises(ImageTruncated, match="ends before the picture does"):
        decode(data[: len(data) * 2 // 3], max_pixels=NO_PIXEL_LIMIT)


def test_a_jpeg_without_only_its_last_marker_is_read() -> None:
    data = encoded(four_colours(), "JPEG", **JPEG)
    assert data.endswith(b"\xff\xd9")
    assert_upright(data[:-2], IN_COLOUR)


def test_a_jpeg_with_something_after_its_end_is_read() -> None:
    assert_upright(encoded(four_colours(), "JPEG", **JPEG) + b"\0" * 999 + b"trailer", IN_COLOUR)


def test_no_bytes_are_called_empty() -> None:
    with pytest.raises(ImageEmpty):
        decode(b"", max_pixels=NO_PIXEL_LIMIT)


@pytest.mark.parametrize(
    ("data", "error", "message"),
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
def test_a_file_that_is_no_photograph_is_named(data: bytes, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        decode(data, max_pixels=NO_PIXEL_LIMIT)


def test_the_thumbnail_in_a_cameras_raw_file_is_not_taken_for_the_picture() -> None:
    with pytest.raises(ImageUnsupported, match="raw"):
        decode(encoded(four_colours(), "TIFF", tiffinfo={254: 1}), max_pixels=NO_PIXEL_LIMIT)


@pytest.mark.parametrize(("wide", "high"), [(12_001, 10_000), (60_000, 60_000)])
def test_a_picture_over_the_limit_is_refused_from_its_header(wide: int, high: int) -> None:
    data = bytearray(encoded(four_colours(), "JPEG"))
    size = data.index(b"\xff\xc0") + 5  # of the frame header: marker, length, bits, then the size
    data[size : size + 4] = struct.pack(">HH", high, wide)
    with pytest.raises(ImageTooLarge, match="limit"):
        decode(bytes(data), max_pixels=120_000_000)


def test_a_picture_of_just_the_limit_is_read() -> None:
    data = encoded(four_colours(), "PNG")
    assert decode(data, max_pixels=48 * 32).pixels.shape == (32, 48, 3)
    with pytest.raises(ImageTooLarge):
        decode(data, max_pixels=48 * 32 - 1)


def test_a_jpeg_of_12_bits_or_without_loss_is_unsupported() -> None:
    for kind, bits in ((0xC1, 12), (0xC3, 8)):
        with pytest.raises(ImageUnsupported, match="save it as baseline"):
            decode(jpeg(frame(48, 32, kind=kind, bits=bits), scan()), max_pixels=NO_PIXEL_LIMIT)


def test_a_jpeg_of_too_many_scans_for_its_size_is_refused_before_any_is_decoded() -> None:
    assert decode(refinements(48, 32, 90), max_pixels=NO_PIXEL_LIMIT).pixels.shape == (32, 48, 3)
    for data in (refinements(48, 32, 200), refinements(12_000, 10_000, 20, kind=0xCA)):
        with pytest.raises(ImageUndecodable, match="scans, too many for its size"):
            decode(data, max_pixels=120_000_000)


def test_bytes_like_scans_behind_the_picture_are_not_counted() -> None:
    assert_upright(encoded(four_colours(), "JPEG", **JPEG) + b"\xff\xda" * 500, IN_COLOUR)


def test_a_decoder_that_needs_more_memory_has_a_smaller_limit() -> None:
    data = encoded(four_colours(), "WEBP")
    assert decode(data, max_pixels=48 * 32 * 2).pixels.shape == (32, 48, 3)
    with pytest.raises(ImageTooLarge, match="whose decoder needs more memory"):
        decode(data, max_pixels=48 * 32)
    data = cmyk_jpeg(progressive=True)
    with pytest.raises(ImageTooLarge, match="whose decoder needs more memory"):
        decode(data, max_pixels=48 * 32)


def test_tags_that_hold_more_than_their_file_are_refused() -> None:
    tags = dict.fromkeys(range(50000, 50003), (SHORT, 1500, 8))
    with pytest.raises(ImageUndecodable, match="more than the file holds"):
        decode(tiff({**plain(), **tags}), max_pixels=NO_PIXEL_LIMIT)


def test_a_tile_larger_than_any_photograph_is_refused() -> None:
    tiles = {322: (LONG, 1, 65_536), 323: (LONG, 1, 32_752)}
    for order in "<>":
        with pytest.raises(ImageTooLarge, match="TIFF tiles of"):
            decode(tiff({**plain(), **tiles}, order=order), max_pixels=NO_PIXEL_LIMIT)


def test_our_pixel_limit_replaces_pillows() -> None:
    data = png_header_of(20_000, 20_000)
    with pytest.raises(ImageTooLarge, match="the limit is 399999999; raise"):
        decode(data, max_pixels=399_999_999)
    with pytest.raises(ImageTruncated):
        decode(data, max_pixels=400_000_000)


def png_header_of(wide: int, high: int) -> bytes:
    data = bytearray(encoded(four_colours(), "PNG"))
    data[16:24] = struct.pack(">LL", wide, high)
    data[29:33] = struct.pack(">L", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_damaged_file_is_read_or_rejected(kind: str) -> None:
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


def test_a_webp_of_very_few_bytes_is_measured_before_it_is_opened() -> None:
    # One colour needs no more: signature, 14 bits less one of width and of height, five codes.
    payload = b"\x2f" + struct.pack("<L", 1399 | 1399 << 14) + b"\x88\x00\x00"
    chunk = b"VP8L" + struct.pack("<L", len(payload)) + payload
    data = b"RIFF" + struct.pack("<L", 4 + len(chunk)) + b"WEBP" + chunk
    assert len(data) < 30
    with pytest.raises(ImageTooLarge, match="of its kind"):
        decode(data, max_pixels=2_000_000)


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path

from hkplates.errors import ImageRejected
from hkplates.recognition.images.decode import decode

data = Path(sys.argv[1]).read_bytes()
hardest = resource.getrlimit(resource.RLIMIT_DATA)[1]
for spare in range(0, int(sys.argv[2]), 4 * 2**20):
    status = Path("/proc/self/status").read_text().partition("VmData:")[2].split()
    resource.setrlimit(resource.RLIMIT_DATA, (int(status[0]) * 1024 + spare, hardest))
    try:
        decode(data, max_pixels=10**7)
        print("read")
    except MemoryError:
        print("no memory")
    except ImageRejected as error:
        print("rejected:", error)
    resource.setrlimit(resource.RLIMIT_DATA, (hardest, hardest))
"""


@pytest.mark.parametrize("options", [{}, {"lossless": True}], ids=["lossy", "lossless"])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_sound_webp_is_not_called_damaged_where_memory_is_short(
    tmp_path: Path, options: dict[str, bool]
) -> None:
    file = tmp_path / "sound.webp"
    file.write_bytes(encoded(noise().resize((1200, 900)), "WEBP", **options))
    command = [sys.executable, "-c", SHORT_OF_MEMORY, file, str(48 * 2**20)]
    # Freed memory goes back at once, so that each decoding has to ask for its memory.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "60000", "MALLOC_TRIM_THRESHOLD_": "0"}
    finished = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120, env=environment
    )
    assert set(finished.stdout.splitlines()) == {"read", "no memory"}
