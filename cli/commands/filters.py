"""Parses the options that filter sightings, in one way for `search`, `export` and `reprocess`.

`--since` begins with a time, and `--until` includes the whole of it: `--since 2026-07 --until
2026-07` is July.
"""

import re
from datetime import datetime
from typing import Annotated

import typer

from hkplates.database import text as database_text
from hkplates.recognition.marks import canonical
from hkplates.time_ranges import TimeInvalid, parse_time_range

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
    """Returns the first moment (UTC) that `--since` lets through."""
    return None if text is None else _parse_range(text, "--since")[0]


def until(text: str | None) -> datetime | None:
    """Returns the first moment (UTC) that `--until` no longer lets through."""
    return None if text is None else _parse_range(text, "--until")[1]


def prefix(text: str | None) -> str | None:
    """Returns the prefix of keys, or of URIs, that `--prefix` names."""
    return database_text.uri_or_key_prefix(text)


def mark(text: str | None) -> str | None:
    """Returns a mark in its stored form, with its wildcards kept.

    `?` stands for any one character and `*` for any number of them.

    `mark("ab o?23") == "AB0?23"`

    Raises:
        typer.BadParameter: the text holds no character of a mark.
    """
    if text is None:
        return None
    found = re.sub("[^?*]+", lambda part: canonical(part[0]), text)
    if not found:
        raise typer.BadParameter(f"--mark expected a mark like AB1234 or AB?2*, got {text!r}")
    return found


def _parse_range(text: str, option: str) -> tuple[datetime, datetime]:
    """Returns the first moment of a time and the first after it, in UTC.

    Raises:
        typer.BadParameter: the text is no time.
    """
    try:
        return parse_time_range(text)
    except TimeInvalid as error:
        raise typer.BadParameter(f"{option} {error}") from None
