"""Asking the database for a mark that may have been misread: its function search_marks()."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.errors import InvalidParameterValue
from sqlalchemy.exc import DataError

from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.reviews import Review
from hkplates.database.schema.sightings_view import CURRENT, begins
from hkplates.database.text import storable

MAX_ROWS = 10_000
"""More rows the function does not give at once."""


class PatternInvalid(ValueError):
    """What was asked is no mark, or too loose; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class MarkQuery:
    """A full or partial mark (`?` one character, `*` any number), and what narrows it.

    `since` is the first moment (of taken_at) that counts and `until` the first that does not any
    more. `prefix` with `://` is the beginning of `uri`, else of `key`. `look_alikes`: misread
    marks too. Scores are 0 to 1.
    """

    pattern: str
    since: datetime | None = None
    until: datetime | None = None
    prefix: str | None = None
    limit: int = 50
    min_score: float = 0.001
    look_alikes: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """A sighting that may show the asked mark; `score` is how probable that is, `why` the reason.

    `taken_at` carries a time zone; `confidence` is that of the reading itself.
    """

    plate_id: int
    mark: str
    text: str
    score: float
    why: str
    confidence: float
    uri: str
    taken_at: datetime | None
    image_id: int


@dataclass(frozen=True, slots=True)
class Matches:
    """The likeliest first. `note` says, where that is so, that not all look-alikes were asked."""

    found: list[Match]
    note: str | None


def search(engine: sa.Engine, asked: MarkQuery) -> Matches:
    """The sightings of a mark, misread ones too.

    Raises:
        PatternInvalid: what was asked is no mark, or would match nearly everything.
        DatabaseUnreachable: Postgres does not answer.
    """
    values = {
        "pattern": storable(asked.pattern),
        "since": asked.since,
        "until": asked.until,
        "prefix": None if asked.prefix is None else storable(asked.prefix),
        "most": asked.limit,
        "least_score": asked.min_score,
        "look_alikes": asked.look_alikes,
    }
    notes: list[str] = []
    with engine.connect() as connection:
        _collect_notices(connection, notes)
        try:
            rows = connection.execute(_SEARCH, values).all()
        except DataError as error:
            if not isinstance(error.orig, InvalidParameterValue):
                raise
            raise PatternInvalid(_server_message(error.orig.diag)) from None
        finally:
            connection.detach()  # with its listener; a command asks once
    return Matches([Match(*row) for row in rows], notes[0] if notes else None)


_SEARCH = sa.text(
    "SELECT plate_id, mark, text, score, why, confidence, uri, taken_at, image_id "
    "FROM search_marks(:pattern, CAST(:since AS timestamptz), CAST(:until AS timestamptz), "
    "CAST(:prefix AS text), :most, CAST(:least_score AS real), :look_alikes)"
)


def corrected_readings(
    engine: sa.Engine, asked: MarkQuery, limit: int = 3
) -> list[tuple[str, str]]:
    """What was read as asked and a person corrected: the mark that was read and the true one, some
    such pairs, the latest said first."""
    pattern = sa.func.translate(sa.func.mark_pattern(storable(asked.pattern)), "?*", "_%")
    query = (
        # By the reviews, which are few beside the plates.
        sa.select(Plate.mark, Review.mark)
        .join(Review, sa.and_(Review.plate_id == Plate.id, Review.current))
        .join(Image, Image.id == Plate.image_id)
        .where(Review.verdict == "corrected", Plate.mark.like(pattern), *CURRENT)
        .group_by(Plate.mark, Review.mark)
        .order_by(sa.func.max(Review.reviewed_at).desc(), Plate.mark)
        .limit(limit)
    )
    if asked.since is not None:
        query = query.where(Image.taken_at >= asked.since)
    if asked.until is not None:
        query = query.where(Image.taken_at < asked.until)
    if asked.prefix is not None:
        query = query.where(begins(asked.prefix))
    with engine.connect() as connection:
        return [(read, true) for read, true in connection.execute(query) if true]


def _collect_notices(connection: sa.Connection, notes: list[str]) -> None:
    driver: Any = connection.connection.driver_connection
    driver.add_notice_handler(lambda diagnostic: notes.append(_server_message(diagnostic)))


def _server_message(diagnostic: psycopg.errors.Diagnostic) -> str:
    """The message and the hint of what the database says, as sentences."""
    message = (diagnostic.message_primary or "").rstrip(".")
    hint = diagnostic.message_hint or ""
    return f"{message}. {hint}".strip()
