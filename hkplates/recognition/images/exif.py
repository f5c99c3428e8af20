"""Parses orientation and time from EXIF, trusting no length and no offset in it.

Pillow's own reader keeps every tag of a file: a directory of thousands of tags that all point at
the same megabytes costs it gigabytes. This one keeps five tags, of some tens of bytes each.

Source: TIFF 6.0 for the directory, Exif 2.31 for the tags.
"""

import struct
from datetime import UTC, datetime, timedelta, timezone

ORIENTATION, EXIF_DIRECTORY, TAKEN, OFFSET, OFFSET_TAKEN = 0x0112, 0x8769, 0x9003, 0x9010, 0x9011
HONG_KONG = timezone(timedelta(hours=8), "HKT")

_NUMBERS = {1: "B", 3: "H", 4: "L"}  # TIFF's types BYTE, SHORT, LONG
_TEXT = 2  # and its ASCII
_MAX_TEXT = 64  # bytes; a time has 20
_LEADER = b"Exif\0\0"

Tags = dict[int, int | str]


def read_tags(data: bytes) -> Tags:
    """Parses orientation and times of a TIFF structure and its Exif directory; skips damaged tags.

    `data` is a block of EXIF, with or without its leading "Exif", or a whole TIFF file.
    """
    if data.startswith(_LEADER):
        data = data[len(_LEADER) :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return {}
    try:
        tags = _directory(data, order, _unpack(data, order, "L", 4))
        exif = tags.pop(EXIF_DIRECTORY, None)
        return {**tags, **(_directory(data, order, exif) if isinstance(exif, int) else {})}
    except struct.error:
        return {}


def orientation(tags: Tags) -> int:
    """Returns EXIF's Orientation, 1 to 8; 1 (upright) where it is absent or no such number."""
    value = tags.get(ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def taken_at(tags: Tags) -> datetime | None:
    """Returns DateTimeOriginal with EXIF's own offset from UTC, else with Hong Kong's.

    The offset is OffsetTimeOriginal's, else OffsetTime's; None where there is no such time.
    """
    try:
        moment = datetime.strptime(str(tags.get(TAKEN, "")), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None  # absent, or a camera's "0000:00:00 00:00:00"
    try:
        offset = str(tags.get(OFFSET_TAKEN) or tags.get(OFFSET) or "")
        zone = datetime.strptime(offset, "%z").tzinfo
    except ValueError:
        zone = HONG_KONG
    return moment.replace(tzinfo=zone or UTC)


def _directory(data: bytes, order: str, start: int) -> Tags:
    """Parses the wanted tags of one directory; of a tag that comes twice, the first."""
    tags: Tags = {}
    for number in range(_unpack(data, order, "H", start)):
        place = start + 2 + 12 * number
        if place + 12 > len(data):
            break  # truncated: the tags before are still valid
        tag = _unpack(data, order, "H", place)
        if tag in (ORIENTATION, EXIF_DIRECTORY, TAKEN, OFFSET, OFFSET_TAKEN) and tag not in tags:
            value = _value(data, order, place)
            if value is not None:
                tags[tag] = value
    return tags


def _value(data: bytes, order: str, place: int) -> int | str | None:
    kind = _unpack(data, order, "H", place + 2)
    if kind in _NUMBERS:
        return _unpack(data, order, _NUMBERS[kind], place + 8)
    if kind != _TEXT:
        return None
    # Up to four bytes stand in the entry itself, more at the offset that the entry holds instead.
    size = _unpack(data, order, "L", place + 4)
    start = place + 8 if size <= 4 else _unpack(data, order, "L", place + 8)
    text = data[start : start + min(size, _MAX_TEXT)]
    return text.partition(b"\0")[0].decode("latin-1").strip()


def _unpack(data: bytes, order: str, kind: str, place: int) -> int:
    number: int = struct.unpack_from(order + kind, data, place)[0]
    return number
