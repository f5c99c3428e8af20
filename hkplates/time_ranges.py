"""Parses times as people type them: a year, a month, a day or a moment.

They are in Hong Kong time where they name no zone. What begins with a time begins with its first
moment, and what lasts until it includes the whole of it: from 2026-07 until 2026-07 is July.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

HONG_KONG = timezone(timedelta(hours=8))
"""The zone of taken_at where a camera names none; without summer time since 1979."""
TIME_EXAMPLES = "a year, month, day or moment like 2026, 2026-07, 2026-07-15 or 2026-07-15T08:30"


class TimeInvalid(ValueError):
    """The text is no time; the message says what is."""


def parse_time_range(text: str) -> tuple[datetime, datetime]:
    """Returns the first moment (UTC) of a time, and the first after it.

    Raises:
        TimeInvalid: the text is no time.
    """
    for form, after in _FORMS:
        if re.fullmatch(form, text.strip()):
            try:
                begins = datetime.fromisoformat(_completed(text.strip()))
                return _utc(begins), _utc(after(begins))
            except (ValueError, OverflowError):
                break
    raise TimeInvalid(f"expected {TIME_EXAMPLES}, got {text!r}")


def _completed(text: str) -> str:
    """Completes a year or a month to its first day, in ISO 8601."""
    return text + "-01" * (2 - text.count("-")) if len(text) <= len("2026-07") else text


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=HONG_KONG)).astimezone(UTC)


def _next_month(day: datetime) -> datetime:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


# A moment ends with itself: up to 08:30 is everything before it.
_FORMS: tuple[tuple[str, Callable[[datetime], datetime]], ...] = (
    (r"\d{4}", lambda day: day.replace(year=day.year + 1)),
    (r"\d{4}-\d{2}", _next_month),
    (r"\d{4}-\d{2}-\d{2}", lambda day: day + timedelta(days=1)),
    (r"\d{4}-\d{2}-\d{2}[T ].+", lambda moment: moment),
)
