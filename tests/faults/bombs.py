"""Makes decompression bombs by hand: small files that would cost a decoder minutes or gigabytes.

JPEG, WebP and BMP are made here; PNG and TIFF in files beside it.
"""

import io
import struct
from collections.abc import Iterator

from PIL import Image

from . import bombs_png, bombs_tiff

LIMIT = 120_000_000
"""Pixels; the default of HKPLATES_MAX_IMAGE_PIXELS."""


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yields names and bytes."""
    for name, data in _jpeg():
        yield f"{name}.jpg", data
    for name, data in bombs_png.bombs():
        yield f"{name}.png", data
    for name, data in _webp():
        yield f"{name}.webp", data
    for name, data in bombs_tiff.bombs():
        yield f"{name}.tif", data
    for name, data in _bmp():
        yield f"{name}.bmp", data


def segment(marker: int, body: bytes) -> bytes:
    """Makes a segment of a JPEG header."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def frame(
    wide: int,
    high: int,
    *,
    kind: int = 0xC0,
    channels: int = 1,
    bits: int = 8,
    sampling: int = 0x11,
) -> bytes:
    """Makes a frame header (SOF): the size of the picture and its coding."""
    parts = b"".join(bytes([number + 1, sampling, 0]) for number in range(channels))
    return segment(kind, struct.pack(">BHHB", bits, high, wide, channels) + parts)


def scan(channels: int = 1, band: bytes = b"\0\x3f\0", data: bytes = b"\0") -> bytes:
    """Makes a scan: its header (SOS) and data."""
    parts = b"".join(bytes([number + 1, 0]) for number in range(channels))
    return segment(0xDA, bytes([channels]) + parts + band) + data


_QUANTA = segment(0xDB, b"\0" + b"\1" * 64)
# One code of one bit in each table: no difference; and a run of 16,384 empty blocks and more.
_CODES = segment(0xC4, b"\0\1" + bytes(15) + b"\0") + segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")


def jpeg(*parts: bytes) -> bytes:
    """Makes a JPEG of tables and these parts."""
    return b"\xff\xd8" + _QUANTA + _CODES + b"".join(parts) + b"\xff\xd9"


def _blocks(wide: int, high: int) -> int:
    return -(-wide // 8) * -(-high // 8)


def _bits(count: int) -> bytes:
    """Makes zeros, to the bit: each is a code, and one byte more would be called damage."""
    return bytes(-(-count // 8))


def scans(wide: int, high: int, count: int, *, kind: int = 0xC2) -> bytes:
    """Makes a valid progressive JPEG: averages, then the same empty details again and again."""
    blocks = _blocks(wide, high)
    averages = scan(1, bytes(3), _bits(blocks))
    details = scan(1, b"\1\x3f\0", _bits(15 * -(-blocks // 16_384)))
    return jpeg(frame(wide, high, kind=kind), averages, details * count)


def refinements(wide: int, high: int, count: int, *, kind: int = 0xC2, channels: int = 3) -> bytes:
    """Makes a progressive JPEG: one more bit for every block of every channel, again and again."""
    data = _bits(_blocks(wide, high) * channels) if kind == 0xC2 else b"\0"
    bit, first = scan(channels, b"\0\0\x10", data), scan(channels, b"\0\0\1", data)
    return jpeg(frame(wide, high, kind=kind, channels=channels), first, bit * count)


def _jpeg() -> Iterator[tuple[str, bytes]]:
    yield from _jpeg_sizes()
    yield from _jpeg_parts()
    yield from _jpeg_damage()
    photo = (frame(64, 48), scan(data=bytes(40)))
    for name, block in _exif():
        yield f"exif-{name}", jpeg(segment(0xE1, b"Exif\0\0" + block), *photo)
    wide = b"".join(segment(0xE1, b"Exif\0\0" + block) for _, block in _exif())
    yield "exif-many", jpeg(wide * 30, *photo)


def _jpeg_sizes() -> Iterator[tuple[str, bytes]]:
    yield "size-65535", jpeg(frame(65535, 65535), scan())
    yield "size-just-over", jpeg(frame(12_001, 10_000), scan())
    yield "size-just-allowed", jpeg(frame(12_000, 10_000, channels=3), scan(3))
    yield "size-progressive", jpeg(frame(12_000, 10_000, kind=0xC2, channels=3), scan(3, bytes(3)))
    yield "size-progressive-cmyk", jpeg(frame(12_000, 9_900, kind=0xC2, channels=4), scan(4))
    for wide, high in ((0, 0), (0, 48), (64, 0), (1, 60_000), (60_000, 1), (1, 65_535)):
        yield f"size-{wide}x{high}", jpeg(frame(wide, high), scan(data=bytes(9000)))


def _jpeg_parts() -> Iterator[tuple[str, bytes]]:
    """Yields JPEGs with more of a part than any camera writes."""
    yield "scans-20000", scans(4000, 3000, 20_000)
    yield "scans-15-huge", scans(12_000, 10_000, 14)
    yield "scans-99-large", scans(4_000, 3_000, 98)
    yield "scans-99-refining", refinements(3_000, 2_000, 98)
    yield "scans-arithmetic", refinements(4_000, 3_000, 14, kind=0xCA)
    yield "scans-99-arithmetic", refinements(5_000, 4_000, 98, kind=0xCA)
    yield "scans-30000-arithmetic", refinements(2_000, 2_000, 30_000, kind=0xCA, channels=1)
    yield "scans-sequential", jpeg(frame(9_000, 9_000, channels=3), scan(1) * 5_000)
    yield (
        "scans-behind-restarts",
        jpeg(frame(4000, 3000, kind=0xC2), scan(1, bytes(3), b"\xff\xd0\xff\xd1" * 20_000) * 150),
    )
    yield "segments-200000", jpeg(segment(0xFE, b"") * 200_000, frame(64, 48), scan())
    yield "segments-full", jpeg(segment(0xE2, bytes(65_000)) * 60, frame(64, 48), scan())
    yield "padding", jpeg(b"\xff" * 4_000_000, frame(64, 48), scan())
    yield "padding-alone", b"\xff\xd8" + b"\xff" * 4_000_000


def _jpeg_damage() -> Iterator[tuple[str, bytes]]:
    yield "no-tables", b"\xff\xd8" + frame(64, 48) + scan() + b"\xff\xd9"
    yield "no-frame", jpeg(scan())
    yield "no-scan", jpeg(frame(64, 48))
    yield "two-frames", jpeg(frame(64, 48), frame(60_000, 60_000), scan())
    yield "two-beginnings", b"\xff\xd8\xff\xd8" + jpeg(frame(64, 48), scan())
    for kind in (0xC1, 0xC3, 0xC5, 0xC7, 0xC9, 0xCA, 0xCB, 0xCF, 0xF7):
        yield f"kind-{kind:02x}", jpeg(frame(64, 48, kind=kind), scan())
    yield "bits-12", jpeg(frame(64, 48, bits=12), scan())
    yield "bits-0", jpeg(frame(64, 48, bits=0), scan())
    for channels in (0, 2, 5, 255):
        yield f"channels-{channels}", jpeg(frame(64, 48, channels=channels), scan())
    for sampling in (0x00, 0x44, 0x14, 0xFF):
        part = frame(64, 48, channels=3, sampling=sampling)
        yield f"sampling-{sampling:02x}", jpeg(part, scan(3))
    yield "codes-overfull", jpeg(segment(0xC4, b"\0" + b"\xff" * 16 + bytes(256)), frame(64, 48))
    yield "quanta-none", jpeg(segment(0xDB, b"\x0f"), frame(64, 48), scan())
    yield "lines-later", jpeg(frame(64, 0), scan(), segment(0xDC, b"\0\x30"))


def _exif() -> Iterator[tuple[str, bytes]]:
    head = b"II*\0\x08\0\0\0"
    yield (
        "many-tags-one-place",
        head
        + struct.pack("<H", 5000)
        + b"".join(struct.pack("<HHLL", 0x9C00 + number, 7, 60_000, 8) for number in range(5000)),
    )
    yield "circle", head + struct.pack("<H", 1) + struct.pack("<HHLLL", 0x8769, 4, 1, 8, 8)
    yield "far", b"MM\0*\xff\xff\xff\xff"
    yield "long-time", head + struct.pack("<HHHLLL", 1, 0x9003, 2, 0xFFFF_FFFF, 26, 0) + b"2026"
    yield "text-turn", head + struct.pack("<HHHLLL", 1, 0x0112, 2, 9, 26, 0) + b"sideways\0"
    yield "turn-65535", head + struct.pack("<HHHLLL", 1, 0x0112, 3, 1, 65_535, 0)


def _riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<L", len(data)) + data + bytes(len(data) & 1) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body


def _webp() -> Iterator[tuple[str, bytes]]:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 30, 30)).save(file, "WEBP", lossless=True)
    picture = file.getvalue()[20:]
    most = b"\xff\xff\xff"
    yield "canvas-endless", _riff((b"VP8X", bytes(4) + most * 2), (b"VP8L", picture))
    yield "canvas-16384", _riff((b"VP8X", bytes(4) + b"\xff\x3f\0" * 2), (b"VP8L", picture))
    yield (
        "canvas-1x60000",
        _riff((b"VP8X", bytes(4) + bytes(3) + b"\x5f\xea\0"), (b"VP8L", picture)),
    )
    yield "lossless-16384", _riff((b"VP8L", b"\x2f" + b"\xff" * 4 + picture[5:]))
    yield "lossy-16383", _riff((b"VP8 ", b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(99)))
    yield "lossy-0x0", _riff((b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + bytes(99)))
    still = b"\0" * 6 + b"\x3f\0\0\x2f\0\0" + b"\0" * 4 + b"VP8L"
    still += struct.pack("<L", len(picture)) + picture + bytes(len(picture) & 1)
    canvas = (b"VP8X", b"\2\0\0\0\x3f\0\0\x2f\0\0")
    yield "frames-20000", _riff(canvas, (b"ANIM", bytes(6)), *[(b"ANMF", still)] * 20_000)
    yield "frames-none", _riff(canvas, (b"ANIM", bytes(6)))
    wide = (b"VP8X", b"\2\0\0\0\x0f\x27\0\x6f\x17\0")
    yield "frames-on-60-megapixels", _riff(wide, (b"ANIM", bytes(6)), *[(b"ANMF", still)] * 50)
    for name, block in _exif():
        marked = (b"VP8X", b"\x08\0\0\0\x3f\0\0\x2f\0\0")
        yield f"exif-{name}", _riff(marked, (b"VP8L", picture), (b"EXIF", block))
    yield "chunks-100000", _riff((b"VP8L", picture), *[(b"junk", b"")] * 100_000)
    yield "length-endless", b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff" + picture


def _bmp() -> Iterator[tuple[str, bytes]]:
    def bmp(
        wide: int, high: int, bits: int = 24, packing: int = 0, data: bytes = b"", **head: int
    ) -> bytes:
        colours, start = head.get("colours", 0), head.get("start", 54)
        return (
            struct.pack("<2sLHHL", b"BM", start + len(data), 0, 0, start)
            + struct.pack(
                "<LllHHLLllLL",
                head.get("size", 40),
                wide,
                high,
                1,
                bits,
                packing,
                0,
                0,
                0,
                colours,
                0,
            )
            + data
        )

    yield "size-endless", bmp(2**31 - 1, 2**31 - 1)
    yield "size-upside-down", bmp(64, -(2**31))
    yield "size-negative", bmp(-64, 48, data=bytes(9216))
    for wide, high in ((0, 0), (0, 48), (64, 0)):
        yield f"size-{wide}x{high}", bmp(wide, high, data=bytes(9216))
    yield "size-1x60000", bmp(1, 60_000, data=bytes(240_000))
    yield "size-allowed-empty", bmp(12_000, 10_000)
    for bits in (0, 3, 64, 65_535):
        yield f"bits-{bits}", bmp(64, 48, bits, data=bytes(9216))
    yield "packing-unknown", bmp(64, 48, 24, 99, bytes(9216))
    yield "packing-jpeg", bmp(64, 48, 0, 4, bytes(9216))
    palette = bytes(1024)
    yield "packed-huge", bmp(12_000, 10_000, 8, 1, palette + b"\xff\1" * 400_000, start=1078)
    yield "packed-half-bytes", bmp(4_000, 1_999, 4, 2, bytes(64) + b"\xff\x12" * 62_000, start=118)
    yield "packed-jumps", bmp(60_000, 130, 8, 1, palette + b"\0\2\xff\xff" * 400_000, start=1078)
    yield "packed-line-ends", bmp(8_000, 999, 8, 1, palette + b"\1\1\0\0" * 999, start=1078)
    yield "packed-nothing", bmp(4_000, 1_999, 8, 1, palette + b"\0\0" * 900_000, start=1078)
    yield "colours-endless", bmp(64, 48, 8, data=bytes(4000), colours=2**32 - 1)
    yield "start-beyond", bmp(64, 48, data=bytes(9216), start=2**32 - 10_000)
    yield "header-endless", bmp(64, 48, data=bytes(9216), size=2**32 - 1)
    yield "header-old", struct.pack("<2sLHHLLHHHH", b"BM", 99, 0, 0, 26, 12, 65_535, 65_535, 1, 24)
