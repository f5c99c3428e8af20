"""Where a page of a long list ends, as text in an address."""

import re
import struct
from datetime import datetime

from fastapi import HTTPException

TimeCursor = tuple[datetime | None, int]
ConfidenceCursor = tuple[float, int]


def encode_cursor(cursor: TimeCursor | ConfidenceCursor) -> str:
    """The cursor as it stands in an address: what is sorted by, then the number."""
    key, number = cursor
    shown = "" if key is None else key.isoformat() if isinstance(key, datetime) else repr(key)
    return f"{shown}_{number}"


def decode_time_cursor(cursor: str) -> TimeCursor:
    """A cursor of a timeline; 404 where it is none."""
    key, number = _split(cursor)
    try:
        moment = datetime.fromisoformat(key) if key else None
    except ValueError:
        raise _not_found() from None
    if moment is not None and moment.tzinfo is None:
        raise _not_found()
    return moment, number


def decode_confidence_cursor(cursor: str) -> ConfidenceCursor:
    """A cursor of the review; 404 where it is none."""
    key, number = _split(cursor)
    try:
        confidence = float(key)
    except ValueError:
        raise _not_found() from None
    if not 0 <= confidence <= 1:
        raise _not_found()
    return round_to_real(confidence), number


def round_to_real(value: float) -> float:
    """A share as the database stores it, a REAL: it takes no number that is too small for one."""
    [rounded] = struct.unpack("f", struct.pack("f", value))
    return float(rounded)


def _split(cursor: str) -> tuple[str, int]:
    key, _, number = cursor.rpartition("_")
    if not re.fullmatch("[0-9]{1,19}", number) or int(number) >= 2**63:
        raise _not_found()
    return key, int(number)


def _not_found() -> HTTPException:
    return HTTPException(404, "There is no page here; go back to the first")
