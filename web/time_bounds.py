"""Parses the bounds of a time range as people type them into forms and parameters."""

from datetime import datetime

from hkplates.time_ranges import TimeInvalid, parse_time_range


def parse_since(name: str, text: str | None) -> datetime | None:
    """Returns the first moment (UTC) of a time that was typed; None for no text.

    Raises:
        TimeInvalid: it is no time; the message begins with `name`, the field's.
    """
    return _parse_bound(name, text, 0)


def parse_until(name: str, text: str | None) -> datetime | None:
    """Returns the first moment (UTC) after a time that was typed; None for no text.

    Raises:
        TimeInvalid: it is no time; the message begins with `name`, the field's.
    """
    return _parse_bound(name, text, 1)


def _parse_bound(name: str, text: str | None, end: int) -> datetime | None:
    if text is None or not text.strip():
        return None
    try:
        return parse_time_range(text)[end]
    except TimeInvalid as error:
        raise TimeInvalid(f"{name}: {error}") from None
