"""Searches for a mark that may have been misread, by the database's function search_marks()."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.errors import InvalidParameterValue
from sqlalchemy.exc import DataError

from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.reviews import Review
from hkplates.database.schema.sightings_view import IS_CURRENT
from hkplates.database.sighting_filter import SightingFilter, image_conditions
from hkplates.database.text import sanitise_text


class PatternInvalid(ValueError):
    """The pattern is no mark, or too loose; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class MarkQuery:
    """A full or partial mark (`?` one character, `*` any number), and which sightings count.

    Of `where` only `since`, `until` and `prefix` can be set. At most `limit` sightings with scores
    of `min_score` (0 to 1) or more are found; with `look_alikes` misread marks too, and plates that
    are not seen whole and may bear it.
    """

    pattern: str
    where: SightingFilter = field(default_factory=SightingFilter)
    limit: int = 50
    min_score: float = 0.001
    look_alikes: bool = True

    def __post_init__(self) -> None:
        self.where.require_only("since", "until", "prefix")


@dataclass(frozen=True, slots=True)
class Match:
    """A sighting that may bear the mark: `score` is the probability of it, `why` the reason.

    `taken_at` carries a time zone; `confidence` is that of the reading itself. Where it is not
    `complete`, `mark` and `text` hold what is seen of the plate; `pattern` has a ? for the rest.
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
    complete: bool
    pattern: str


@dataclass(frozen=True, slots=True)
class Matches:
    """The sightings found, the likeliest first; `note` says so where not all look-alikes were
    tried, and is None else."""

    found: list[Match]
    note: str | None


def search(engine: sa.Engine, query: MarkQuery) -> Matches:
    """Finds the sightings of a mark, misread ones too.

    Raises:
        PatternInvalid: the pattern is no mark, or would match nearly everything.
        DatabaseUnreachable: Postgres does not answer.
    """
    where = query.where
    values = {
        "pattern": sanitise_text(query.pattern),
        "since": where.since,
        "until": where.until,
        "prefix": None if where.prefix is None else sanitise_text(where.prefix),
        "most": query.limit,
        "least_score": query.min_score,
        "look_alikes": query.look_alikes,
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


def corrected_readings(
    engine: sa.Engine, query: MarkQuery, limit: int = 3
) -> list[tuple[str, str]]:
    """Finds readings that match the query and that people corrected.

    Returns pairs of the mark that was read and the true one, at most `limit`, the last corrected
    first.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    pattern = sa.func.translate(sa.func.mark_pattern(sanitise_text(query.pattern)), "?*", "_%")
    statement = (
        # By the reviews, which are few beside the plates.
        sa.select(Plate.mark, Review.mark)
        .join(Review, sa.and_(Review.plate_id == Plate.id, Review.current))
        .join(Image, Image.id == Plate.image_id)
        .where(Review.verdict == "corrected", Plate.mark.like(pattern), *IS_CURRENT)
        .where(*image_conditions(query.where))
        .group_by(Plate.mark, Review.mark)
        .order_by(sa.func.max(Review.reviewed_at).desc(), Plate.mark)
        .limit(limit)
    )
    with engine.connect() as connection:
        return [(read, true) for read, true in connection.execute(statement) if true]


def _collect_notices(connection: sa.Connection, notes: list[str]) -> None:
    """Adds to `notes` what the server says on this connection from now on."""
    driver: Any = connection.connection.driver_connection
    driver.add_notice_handler(lambda diagnostic: notes.append(_server_message(diagnostic)))


def _server_message(diagnostic: psycopg.errors.Diagnostic) -> str:
    """Returns the message and the hint of a notice or an error, as sentences."""
    message = (diagnostic.message_primary or "").rstrip(".")
    hint = diagnostic.message_hint or ""
    return f"{message}. {hint}".strip()


# Searches by the function of migration 0006, whose columns are a contract, in its order.
_SEARCH = sa.text("""
    SELECT plate_id, found.mark, found.text, score, why, found.confidence, found.uri,
           found.taken_at, found.image_id, complete, sightings.pattern
      FROM search_marks(:pattern, CAST(:since AS timestamptz), CAST(:until AS timestamptz),
                        CAST(:prefix AS text), :most, CAST(:least_score AS real), :look_alikes)
           WITH ORDINALITY AS found(plate_id, mark, text, score, why, confidence, uri, taken_at,
                                    image_id, place)
      JOIN sightings USING (plate_id)
     ORDER BY place
""")
