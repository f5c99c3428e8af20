"""Refuses small files that would cost much to decode, from their bytes, before Pillow opens them.

Pillow checks the size of a picture after it has opened it, and goes through chunks and tags in
Python, however many they are. Decoders that need more memory for each pixel get a smaller share
of the limit on pixels.
"""

import struct

from hkplates.errors import ImageTooLarge, ImageUndecodable, ImageUnsupported

MAX_PNG_CHUNKS = 70_000
"""Chunks of one PNG file; 64 MiB in the smallest chunks that encoders write, of 1 KiB."""

MAX_TIFF_TAGS = 4096
"""Tags of one TIFF directory; cameras and scanners write some hundred."""

MAX_TAG_VALUES = 65_536
"""Values in one TIFF tag: the offsets of as many strips or tiles."""

MAX_RUN_LENGTH_PIXELS = 8_000_000
"""Pixels of a run-length encoded BMP, which Pillow unpacks in Python."""

MAX_TILE_PIXELS = 32 * 2**20
"""Pixels of one TIFF tile, for which a decoder allocates memory before it reads the data."""

_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value of each TIFF type; 16 to 18 are BigTIFF's."""
_BIGTIFF_TYPE_SIZES = {**_TYPE_SIZES, 16: 8, 17: 8, 18: 8}
_BYTE_TYPES = (1, 2, 6, 7)  # types that Pillow keeps as bytes
_SHORT = 3
_TILE_SIDES = (322, 323)
_SUB_DIRECTORIES = (0x8769, 0x8825, 0xA005)  # directories of Exif, GPS, interoperability


def check_pixel_limit(wide: int, high: int, *, max_pixels: int, share: float = 1.0) -> None:
    """Refuses a size over the limit; `share` (0 to 1) scales it for decoders that need more memory.

    Raises:
        ImageTooLarge, ImageUndecodable: too many pixels, or none.
    """
    limit = int(max_pixels * share)
    if wide * high > limit:
        of_kind = (
            "" if share == 1 else " for a picture of its kind, whose decoder needs more memory"
        )
        raise ImageTooLarge(
            f"{wide} x {high} is {wide * high} pixels, the limit is {limit}{of_kind}; "
            "raise HKPLATES_MAX_IMAGE_PIXELS or make it smaller"
        )
    if wide < 1 or high < 1:
        raise ImageUndecodable(f"the header says {wide} x {high} pixels")


def check_decode_cost(data: bytes, name: str, *, max_pixels: int) -> None:
    """Checks the cost at which Pillow would open a file of the format called `name`.

    Raises:
        ImageTooLarge, ImageUndecodable, ImageUnsupported: it would cost too much.
    """
    try:
        if name == "PNG":
            _png(data)
        elif name == "TIFF":
            _tiff(data)
        elif name == "BMP":
            _bmp(data)
        elif name == "WEBP":
            _webp(data, max_pixels)
    except struct.error:
        return  # truncated within the part that was parsed: Pillow reports how


def is_truncated(data: bytes, name: str) -> bool:
    """Checks whether a file whose header cannot be read ends before that header does."""
    try:
        if name == "TIFF":
            order = "<" if data[:2] == b"II" else ">"
            big = data[2:4] in (b"+\0", b"\0+")
            start = struct.unpack_from(order + ("Q" if big else "L"), data, 8 if big else 4)[0]
            count = struct.unpack_from(order + ("Q" if big else "H"), data, _file_offset(start))[0]
            return bool(start + count * (20 if big else 12) > len(data))
        if name == "WEBP":
            return bool(struct.unpack_from("<L", data, 4)[0] + 8 > len(data))
        # PNG: signature of 8 bytes and IHDR of 25; BMP: file header of 14 and info header of 40.
        return len(data) < {"PNG": 33, "BMP": 54}.get(name, 0)
    except struct.error:
        return True


def _png(data: bytes) -> None:
    place = 8
    for _ in range(MAX_PNG_CHUNKS):
        if place + 8 > len(data):
            return
        # Length, type and checksum of a chunk take 4 bytes each.
        place += 12 + int.from_bytes(data[place : place + 4])
    raise ImageUndecodable(
        f"a PNG file of more than {MAX_PNG_CHUNKS} chunks; no program writes that"
    )


WEBP_PIXEL_SHARE = 0.6
"""Share of the pixel limit: libwebp and Pillow hold a WebP picture four times."""


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Returns width and height of a WebP picture; None where its first bytes do not hold them."""
    kind = data[12:16]
    if len(data) < (25 if kind == b"VP8L" else 30):
        return None
    # Extended: 24 bits each, less one. Lossless: 14 bits each, less one. Lossy: 14 bits each below
    # two bits of scale.
    if kind == b"VP8X":
        wide, high = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<L", data, 21)
        wide, high = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        wide, high = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        return None
    return wide, high


def _webp(data: bytes, max_pixels: int) -> None:
    size = webp_size(data)
    if size is not None:
        check_pixel_limit(*size, max_pixels=max_pixels, share=WEBP_PIXEL_SHARE)


def _bmp(data: bytes) -> None:
    header_size, wide, high, _, _, compression = struct.unpack_from("<LllHHL", data, 14)
    # 1 and 2 are the run-length codes of 8 and of 4 bits; a height below zero means top row first.
    run_length = header_size >= 40 and compression in (1, 2)
    if run_length and abs(wide * high) > MAX_RUN_LENGTH_PIXELS:
        raise ImageUnsupported(
            f"a packed BMP of more than {MAX_RUN_LENGTH_PIXELS} pixels; save it as PNG"
        )


def _tiff(data: bytes) -> None:
    """Walks the first directory and its sub-directories as Pillow will, and checks each.

    Raises:
        ImageTooLarge, ImageUndecodable: one of them would cost too much.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    first = struct.unpack_from(order + ("Q" if big else "L"), data, 8 if big else 4)[0]
    parts = [first, *_directory(data, order, first, big=big)]
    for part in parts[1:]:
        _directory(data, order, part, big=big)


def _directory(data: bytes, order: str, start: int, *, big: bool) -> list[int]:
    """Checks a directory and returns the offsets of its sub-directories.

    Raises:
        ImageUndecodable: its tags hold together more than the file has, or are too many.
        ImageTooLarge: its tiles have more pixels than any photograph's.
    """
    count = struct.unpack_from(order + ("Q" if big else "H"), data, _file_offset(start))[0]
    if count > MAX_TIFF_TAGS:
        raise ImageUndecodable(f"a TIFF directory of {count} tags; no camera writes that")
    entry, sizes = (order + "HHQQ", _BIGTIFF_TYPE_SIZES) if big else (order + "HHLL", _TYPE_SIZES)
    place, total, tile = start + (8 if big else 2), 0, 1
    parts: list[int] = []
    # 2 or 8 bytes of count, then entries of 12 or 20 bytes: tag, type, count, value or its offset.
    for number in range(count):
        at = place + number * struct.calcsize(entry)
        tag, kind, values, value = struct.unpack_from(entry, data, at)
        # Many tags may point at the same bytes, and Pillow copies them for each.
        total += values * sizes.get(kind, 0)
        if total > len(data):
            raise ImageUndecodable(
                "the TIFF header is damaged: its tags say more than the file holds"
            )
        if values > MAX_TAG_VALUES and kind in sizes and kind not in _BYTE_TYPES:
            raise ImageUndecodable(f"the TIFF tag {tag} has {values} values; no camera writes that")
        if tag in _TILE_SIDES:
            tile *= _tag_value(kind, value, order, big=big)
        if tag in _SUB_DIRECTORIES and len(parts) < len(_SUB_DIRECTORIES):
            parts.append(value)
    if tile > MAX_TILE_PIXELS:
        raise ImageTooLarge(f"TIFF tiles of {tile} pixels, the limit is {MAX_TILE_PIXELS}")
    return parts


def _tag_value(kind: int, value: int, order: str, *, big: bool) -> int:
    """Returns a tag's one number; a SHORT stands in the first two of its four or eight bytes."""
    if kind != _SHORT:
        return value
    return value & 0xFFFF if order == "<" else value >> (48 if big else 16)


def _file_offset(start: int) -> int:
    # Beyond any file, and near what `unpack_from` cannot take as an offset: the file ends before.
    if start >= 2**62:
        raise struct.error("beyond the file")
    return start
