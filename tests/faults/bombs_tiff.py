"""Makes decompression bombs as TIFF files."""

import struct
import zlib
from collections.abc import Iterator, Mapping

BYTE, ASCII, SHORT, LONG, UNDEFINED = 1, 2, 3, 4, 7
WIDE, HIGH, BITS, PACKING, COLOURS, PLACES, CHANNELS, ROWS, SIZES = (
    *(256, 257, 258, 259, 262, 273, 277, 278, 279),
)
Tag = tuple[int, int, int]  # type, how many, value or place


def directory(tags: Mapping[int, Tag], *, following: int = 0, order: str = "<") -> bytes:
    """Makes a directory: a list of tags, and the offset of the next one."""
    entries = b"".join(
        struct.pack(order + "HHL", tag, kind, count)
        + (
            struct.pack(order + "HH", value, 0)
            if kind == SHORT and count == 1
            else struct.pack(order + "L", value)
        )
        for tag, (kind, count, value) in sorted(tags.items())
    )
    return struct.pack(order + "H", len(tags)) + entries + struct.pack(order + "L", following)


def plain(**change: Tag) -> dict[int, Tag]:
    """Returns the tags of a gray picture of 64 x 48 whose data begins at 8, changed by name."""
    tags = {
        WIDE: (LONG, 1, 64),
        HIGH: (LONG, 1, 48),
        BITS: (SHORT, 1, 8),
        PACKING: (SHORT, 1, 1),
        COLOURS: (SHORT, 1, 1),
        PLACES: (LONG, 1, 8),
        CHANNELS: (SHORT, 1, 1),
        ROWS: (LONG, 1, 48),
        SIZES: (LONG, 1, 3072),
    }
    names = {name.lower(): number for name, number in globals().items() if isinstance(number, int)}
    return tags | {names.get(name) or int(name[1:]): tag for name, tag in change.items()}


def tiff(
    tags: Mapping[int, Tag], data: bytes = bytes(3072), *, following: int = 0, order: str = "<"
) -> bytes:
    """Makes a TIFF with data at 8, then the one directory."""
    start = struct.pack(order + "L", 8 + len(data))
    return (
        (b"II*\0" if order == "<" else b"MM\0*")
        + start
        + data
        + directory(tags, following=following, order=order)
    )


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yields names, without their ending, and bytes."""
    yield "good", tiff(plain())
    yield "good-big-endian", tiff(plain(), order=">")
    for wide, high in (
        (2**32 - 1, 2**32 - 1),
        (12_001, 10_000),
        (0, 0),
        (0, 48),
        (64, 0),
        (2**32 - 1, 1),
    ):
        yield f"size-{wide}x{high}", tiff(plain(wide=(LONG, 1, wide), high=(LONG, 1, high)))
    yield (
        "size-1x60000",
        tiff(
            plain(
                wide=(LONG, 1, 1),
                high=(LONG, 1, 60_000),
                rows=(LONG, 1, 60_000),
                sizes=(LONG, 1, 60_000),
            ),
            bytes(60_000),
        ),
    )
    yield "size-allowed-without-data", tiff(plain(wide=(LONG, 1, 12_000), high=(LONG, 1, 10_000)))
    yield "size-as-text", tiff(plain(wide=(ASCII, 4, 0x30303031)))
    yield from _directories()
    yield from _organised()
    yield from _big()


def _directories() -> Iterator[tuple[str, bytes]]:
    tags = plain()
    at = 8 + 3072
    yield "circle", tiff(tags, following=at)
    yield "circle-at-once", b"II*\0\x04\0\0\0"
    yield "beyond-the-end", b"II*\0\xff\xff\xff\x7f"
    yield "pages-100000", _pages(100_000)
    yield "pages-many-in-few", b"II*\0\x08\0\0\0" + directory(tags, following=8) + bytes(3072)
    yield (
        "exif-is-the-picture",
        tiff(tags | {0x8769: (LONG, 1, at), 0x8825: (LONG, 1, at), 0xA005: (LONG, 1, at)}),
    )
    yield "exif-beyond", tiff(tags | {0x8769: (LONG, 1, 2**32 - 1)})
    yield "sub-directories", tiff(tags | {330: (LONG, 700, 8)})
    many = dict.fromkeys(range(50000, 54000), (UNDEFINED, 400000, 8))
    yield "tags-that-overlap", tiff(tags | many, bytes(400_000))
    yield "tags-65535", tiff(dict.fromkeys(range(65535), (SHORT, 1, 1)))
    yield "tags-none", tiff({})
    yield "tag-of-4-gigabytes", tiff(tags | {700: (BYTE, 2**32 - 1, 8)})
    yield "tag-of-many-numbers", tiff(plain(bits=(SHORT, 2_000_000, 8)), bytes(4_000_000))
    yield "tag-of-unknown-type", tiff(tags | {60_000: (99, 2**32 - 1, 8)})
    yield "channels-65535", tiff(plain(channels=(SHORT, 1, 65_535)))
    yield "bits-0", tiff(plain(bits=(SHORT, 1, 0)))
    yield "bits-64", tiff(plain(bits=(SHORT, 1, 64)))
    yield "palette-short", tiff(plain(colours=(SHORT, 1, 3), t320=(SHORT, 2, 8)))


def _pages(count: int) -> bytes:
    page = directory(plain())
    start = 8 + 3072
    pages = b"".join(
        page[:-4] + struct.pack("<L", start + len(page) * (number + 1))
        for number in range(count - 1)
    )
    return b"II*\0" + struct.pack("<L", start) + bytes(3072) + pages + page


def _organised() -> Iterator[tuple[str, bytes]]:
    """Yields TIFFs with odd strips, tiles and compression."""
    places = struct.pack("<L", 8) * 1_000_000
    yield "strips-1000000", tiff(plain(places=(LONG, 1_000_000, 8), rows=(LONG, 1, 1)), places)
    yield "strips-60000", tiff(plain(places=(LONG, 60_000, 8), rows=(LONG, 1, 1)), places[:240_000])
    yield "strips-of-no-rows", tiff(plain(rows=(LONG, 1, 0)))
    yield "strips-elsewhere", tiff(plain(places=(LONG, 1, 2**32 - 9)))
    yield "strips-longer-than-the-file", tiff(plain(sizes=(LONG, 1, 2**32 - 1)))
    squeezed = zlib.compress(bytes(64_000_000), 9)
    deflated = plain(packing=(SHORT, 1, 8), sizes=(LONG, 1, len(squeezed)))
    yield "deflated-64-megabytes", tiff(deflated, squeezed)
    whole = {WIDE: (LONG, 1, 8_000), HIGH: (LONG, 1, 8_000), ROWS: (LONG, 1, 8_000)}
    yield "deflated-64-megapixels", tiff(deflated | whole, squeezed)
    for packing in (0, 2, 3, 4, 5, 6, 7, 34712, 34925, 50000, 50001, 65535):
        yield f"packing-{packing}", tiff(plain(packing=(SHORT, 1, packing)), b"\x5a" * 3072)
        huge = {**plain(packing=(SHORT, 1, packing)), **whole}
        yield f"packing-{packing}-of-64-megapixels", tiff(huge, b"\x5a" * 3072)
    for wide, high in (
        (0, 0),
        (1, 1),
        (16, 16),
        (2**31, 2**31),
        (65_536, 32_752),
        (2**32 - 16, 16),
    ):
        for packing in (1, 5, 8):
            tiles = plain(packing=(SHORT, 1, packing), t322=(LONG, 1, wide), t323=(LONG, 1, high))
            tiles |= {324: tiles.pop(PLACES), 325: tiles.pop(SIZES)}
            yield f"tiles-{wide}x{high}-packing-{packing}", tiff(tiles)


def _big() -> Iterator[tuple[str, bytes]]:
    """Yields BigTIFFs, where all is counted in 64 bits."""
    head = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16)
    yield "big-tags-endless", head + struct.pack("<Q", 2**63) + bytes(9000)
    yield (
        "big-tags-100000",
        head + struct.pack("<Q", 100_000) + struct.pack("<HHQQ", 60_000, 4, 1, 1) * 100_000,
    )
    yield "big-beyond", b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**64 - 1)
    yield "big-tag-endless", head + struct.pack("<QHHQQQ", 1, 700, 7, 2**62, 8, 0)
    yield "big-header-alone", b"MM\0+\0\x08\0\0"
