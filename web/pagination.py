"""Encodes and decodes the cursors of keyset pagination, as text in URLs."""

import re
import struct
from datetime import datetime

from fastapi import HTTPException

TimeCursor = tuple[datetime | None, int]
ConfidenceCursor = tuple[float, int]


def encode_cursor(cursor: TimeCursor | ConfidenceCursor) -> str:
    """Encodes a cursor: the sort key, an underscore and the row's id."""
    key, row_id = cursor
    text = "" if key is None else key.isoformat() if isinstance(key, datetime) else repr(key)
    return f"{text}_{row_id}"


def decode_time_cursor(cursor: str) -> TimeCursor:
    """Decodes a cursor of a list sorted by time; 404 if it is malformed."""
    key, row_id = _split(cursor)
    try:
        moment = datetime.fromisoformat(key) if key else None
    except ValueError:
        raise _not_found() from None
    if moment is not None and moment.tzinfo is None:
        raise _not_found()
    return moment, row_id


def decode_confidence_cursor(cursor: str) -> ConfidenceCursor:
    """Decodes a cursor of a list sorted by confidence; 404 if it is malformed."""
    key, row_id = _split(cursor)
    try:
        confidence = float(key)
    except ValueError:
        raise _not_found() from None
    if not 0 <= confidence <= 1:
        raise _not_found()
    return round_to_real(confidence), row_id


def round_to_real(value: float) -> float:
    """Rounds to single precision: Postgres refuses a parameter that is too small for a REAL."""
    [rounded] = struct.unpack("f", struct.pack("f", value))
    return float(rounded)


def _split(cursor: str) -> tuple[str, int]:
    key, _, row_id = cursor.rpartition("_")
    if not re.fullmatch("[0-9]{1,19}", row_id) or int(row_id) >= 2**63:
        raise _not_found()
    return key, int(row_id)


def _not_found() -> HTTPException:
    return HTTPException(404, "There is no page here; go back to the first")
