"""Makes decompression bombs as PNG files."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, data: bytes = b"") -> bytes:
    """Makes a chunk, with a right checksum."""
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def header(wide: int, high: int, bits: int = 8, colours: int = 2, woven: int = 0) -> bytes:
    """Makes the header chunk (IHDR)."""
    return chunk(b"IHDR", struct.pack(">LLBBBBB", wide, high, bits, colours, 0, 0, woven))


def png(*chunks: bytes, head: bytes = b"") -> bytes:
    """Makes a PNG of 64 x 48 unless `head` says otherwise, of these chunks and an end."""
    return SIGNATURE + (head or header(64, 48)) + b"".join(chunks) + chunk(b"IEND")


def zeros(megabytes: int) -> bytes:
    """Deflates so many millions of zeros, to a thousandth of that."""
    squeeze = zlib.compressobj(9)
    million = bytes(1_000_000)
    return b"".join(squeeze.compress(million) for _ in range(megabytes)) + squeeze.flush()


PICTURE = chunk(b"IDAT", zlib.compress(bytes(48 * (1 + 64 * 3))))


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yields names, without their ending, and bytes."""
    yield from _sizes()
    much = zeros(300)
    yield "picture-of-300-megabytes", png(chunk(b"IDAT", much))
    yield (
        "allowed-120-megapixels",
        png(chunk(b"IDAT", zeros(121)), head=header(12_000, 10_000, colours=0)),
    )
    yield "allowed-without-data", png(head=header(12_000, 10_000, 16, 6))
    yield "profile-of-300-megabytes", png(chunk(b"iCCP", b"p\0\0" + much), PICTURE)
    yield "text-of-300-megabytes", png(chunk(b"zTXt", b"t\0\0" + much), PICTURE)
    yield "text-behind-the-picture", png(PICTURE, chunk(b"zTXt", b"t\0\0" + much))
    yield "text-international", png(chunk(b"iTXt", b"t\0\1\0\0\0" + much), PICTURE)
    yield "texts-200", png(chunk(b"zTXt", b"t\0\0" + zeros(1)) * 200, PICTURE)
    yield "text-plain", png(chunk(b"tEXt", b"t\0" + b"x" * 3_000_000), PICTURE)
    yield "chunks-200000", png(chunk(b"abCd") * 200_000, PICTURE)
    yield "chunks-of-nothing", png(chunk(b"IDAT") * 60_000, PICTURE)
    yield "length-endless", SIGNATURE + header(64, 48) + b"\xff\xff\xff\xffIDAT" + bytes(99)
    yield "length-half-endless", SIGNATURE + header(64, 48) + b"\x7f\xff\xff\xfftEXt" + bytes(99)
    yield from _broken()
    yield from _films()
    for name, block in (
        ("circle", b"II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0"),
        ("far", b"MM\0*\xff\xff\xff\xff"),
    ):
        yield f"exif-{name}", png(chunk(b"eXIf", block), PICTURE)
    listed = b"exif\n 90000\n" + b"45786966000049492a0008000000" + b"ff" * 90_000
    yield (
        "exif-in-text",
        png(chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(listed)), PICTURE),
    )
    yield "exif-in-text-broken", png(chunk(b"tEXt", b"Raw profile type exif\0exif 9 zz"), PICTURE)


def _broken() -> Iterator[tuple[str, bytes]]:
    yield "no-header", SIGNATURE + PICTURE + chunk(b"IEND")
    yield "no-picture", png()
    yield "no-end", SIGNATURE + header(64, 48) + PICTURE
    yield "no-palette", png(PICTURE, head=header(64, 48, 8, 3))
    yield "two-headers", png(header(60_000, 60_000), PICTURE)
    yield "wrong-sum", png(PICTURE[:-4] + b"\0\0\0\0")
    yield "wrong-sum-in-header", png(PICTURE, head=header(64, 48)[:-4] + b"\0\0\0\0")
    yield "not-deflated", png(chunk(b"IDAT", b"\xff" * 9000))
    yield "deflated-for-ever", png(chunk(b"IDAT", zlib.compress(b"") + b"\0" * 9000))
    yield "filter-unknown", png(chunk(b"IDAT", zlib.compress(b"\x09" * 48 * 193)))


def _sizes() -> Iterator[tuple[str, bytes]]:
    for wide, high in (
        *((2**31 - 1, 2**31 - 1), (2**32 - 1, 2**32 - 1), (100_000, 100_000), (12_001, 10_000)),
        *((0, 0), (0, 48), (64, 0), (2**31 - 1, 1), (1, 2**31 - 1)),
    ):
        yield f"size-{wide}x{high}", png(PICTURE, head=header(wide, high))
    line = chunk(b"IDAT", zlib.compress(bytes(60_000 * 4)))
    yield "size-1x60000", png(line, head=header(1, 60_000))
    yield "size-60000x1", png(line, head=header(60_000, 1))
    for bits, colours in ((0, 2), (3, 0), (16, 3), (255, 255), (8, 1), (1, 6)):
        yield f"bits-{bits}-colours-{colours}", png(PICTURE, head=header(64, 48, bits, colours))
    yield "woven-7", png(PICTURE, head=header(64, 48, woven=7))


def _films() -> Iterator[tuple[str, bytes]]:
    """Yields animated PNGs."""
    for count in (0, 1, 100_000, 2**32 - 1):
        yield f"film-of-{count}", png(chunk(b"acTL", struct.pack(">LL", count, 0)), PICTURE)
    shown = struct.pack(">LLLLLHHBB", 0, 64, 48, 0, 0, 1, 10, 0, 0)
    beyond = struct.pack(">LLLLLHHBB", 0, 60_000, 60_000, 9, 9, 1, 10, 0, 0)
    moving = chunk(b"acTL", struct.pack(">LL", 50, 0))
    later = chunk(b"fdAT", b"\0\0\0\1" + zlib.compress(bytes(48 * 193)))
    yield "film", png(moving, chunk(b"fcTL", shown), PICTURE, *[chunk(b"fcTL", shown) + later] * 49)
    yield "film-beyond-its-frame", png(moving, chunk(b"fcTL", beyond), PICTURE)
    yield "film-without-still", png(moving, chunk(b"fcTL", shown), later)
