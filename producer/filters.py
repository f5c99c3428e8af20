"""What narrows sightings on the command line: the same options, read the same way, by every command
that asks (`search`, `export`, `reprocess`).

A time is a year, a month, a day or a moment, in Hong Kong time where it names no zone. `--since`
begins with it, and `--until` includes the whole of it: `--since 2026-07 --until 2026-07` is July.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import typer

from hkplates.recognition.marks import canonical

HONG_KONG = timezone(timedelta(hours=8))
"""As taken_at is understood where a camera names no zone; without summer time since 1979."""
TIMES = "a year, month, day or moment like 2026, 2026-07, 2026-07-15 or 2026-07-15T08:30"

Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Taken then or later: 2026, 2026-07-15 ...")
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Taken up to the end of it: 2026-07-15 ...")
]
Prefix = Annotated[
    str | None,
    typer.Option(help="What the key begins with, or s3://bucket/prefix, or a folder's path."),
]


def since(text: str | None) -> datetime | None:
    """The first moment (UTC) that `--since` lets through."""
    return None if text is None else _bounds(text, "--since")[0]


def until(text: str | None) -> datetime | None:
    """The first moment (UTC) that `--until` does not let through any more."""
    return None if text is None else _bounds(text, "--until")[1]


def prefix(text: str | None) -> str | None:
    """What `--prefix` means in SQL: with `://` the beginning of a sighting's `uri`, else of its
    `key`."""
    if not text:
        return None
    return f"file://{text}" if text.startswith("/") else text


def mark(text: str | None) -> str | None:
    """A mark as it is stored, `?` for any one character and `*` for any number kept.

    `mark("ab o?23") == "AB0?23"`

    Raises:
        typer.BadParameter: no character of a mark is in it.
    """
    if text is None:
        return None
    found = re.sub("[^?*]+", lambda part: canonical(part[0]), text)
    if not found:
        raise typer.BadParameter(f"--mark expected a mark like AB1234 or AB?2*, got {text!r}")
    return found


def _bounds(text: str, option: str) -> tuple[datetime, datetime]:
    """The first moment of the time, and the first after it.

    Raises:
        typer.BadParameter: it is no time.
    """
    for form, after in _FORMS:
        if re.fullmatch(form, text.strip()):
            try:
                begins = datetime.fromisoformat(_completed(text.strip()))
                return _utc(begins), _utc(after(begins))
            except (ValueError, OverflowError):
                break
    raise typer.BadParameter(f"{option} expected {TIMES}, got {text!r}")


def _completed(text: str) -> str:
    """2026 and 2026-07 as days."""
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
