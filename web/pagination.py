"""Where a page of a long list ends, as text in an address."""

import re
import struct
from datetime import datetime

from fastapi import HTTPException

Seen = tuple[datetime | None, int]
Doubt = tuple[float, int]


def text(cursor: Seen | Doubt) -> str:
    """The cursor as it stands in an address: what is sorted by, then the number."""
    key, number = cursor
    shown = "" if key is None else key.isoformat() if isinstance(key, datetime) else repr(key)
    return f"{shown}_{number}"


def seen(shown: str) -> Seen:
    """A cursor of a timeline; 404 where it is none."""
    key, number = _parts(shown)
    try:
        moment = datetime.fromisoformat(key) if key else None
    except ValueError:
        raise _unknown() from None
    if moment is not None and moment.tzinfo is None:
        raise _unknown()
    return moment, number


def doubt(shown: str) -> Doubt:
    """A cursor of the review; 404 where it is none."""
    key, number = _parts(shown)
    try:
        confidence = float(key)
    except ValueError:
        raise _unknown() from None
    if not 0 <= confidence <= 1:
        raise _unknown()
    return real(confidence), number


def real(share: float) -> float:
    """A share as the database stores it, a REAL: it takes no number that is too small for one."""
    [rounded] = struct.unpack("f", struct.pack("f", share))
    return float(rounded)


def _parts(shown: str) -> tuple[str, int]:
    key, _, number = shown.rpartition("_")
    if not re.fullmatch("[0-9]{1,19}", number) or int(number) >= 2**63:
        raise _unknown()
    return key, int(number)


def _unknown() -> HTTPException:
    return HTTPException(404, "There is no page here; go back to the first")
