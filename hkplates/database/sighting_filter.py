"""The conditions that narrow sightings, for every query that asks for some of them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.row_ids import id_equals
from hkplates.database.schema import sightings_view
from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.sightings_view import key_starts_with
from hkplates.database.text import like


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingFilter:
    """Conditions that a sighting meets together; one that is None narrows nothing.

    `mark` is in registration form and as a person corrected it, with `?` for one character and `*`
    for any number. `since` is the first moment (of taken_at) that counts and `until` the first that
    does not any more. `prefix` with `://` is the beginning of `uri`, else of `key`. `submission` is
    the one that last asked for the image. Confidences, 0 to 1, are at least `min_confidence` and
    less than `below`. Plates that are not seen whole count where no `mark` is asked for;
    `incomplete` says otherwise.
    """

    mark: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    prefix: str | None = None
    submission: int | None = None
    region: str | None = None
    min_confidence: float | None = None
    below: float | None = None
    incomplete: bool | None = None

    def require_only(self, *names: str) -> None:
        """Raises ValueError where a condition of another name is set, which a query cannot meet."""
        given = [one.name for one in fields(self) if getattr(self, one.name) is not None]
        if others := [name for name in given if name not in names]:
            raise ValueError(f"expected only {', '.join(names)}, got {', '.join(others)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingColumns:
    """The columns that a filter compares, of the view sightings or of the tables below it."""

    mark: sa.ColumnElement[Any]
    region: sa.ColumnElement[Any]
    confidence: sa.ColumnElement[Any]
    taken_at: sa.ColumnElement[Any]
    key: sa.ColumnElement[Any]
    uri: sa.ColumnElement[Any]
    submission_id: sa.ColumnElement[Any]
    complete: sa.ColumnElement[Any]


TABLE_COLUMNS = SightingColumns(
    mark=sightings_view.mark,
    region=Plate.__table__.c.region,
    confidence=Plate.__table__.c.confidence,
    taken_at=Image.__table__.c.taken_at,
    key=Image.__table__.c.key,
    uri=sightings_view.uri,
    submission_id=Image.__table__.c.submission_id,
    complete=sightings_view.complete,
)
"""For queries that join `images` and `plates` themselves."""


def conditions(
    where: SightingFilter, columns: SightingColumns = TABLE_COLUMNS
) -> Iterator[sa.ColumnElement[bool]]:
    """Yields the filter as SQL conditions, its values as bound parameters."""
    yield from image_conditions(where, columns)
    yield from plate_conditions(where, columns)


def image_conditions(
    where: SightingFilter, columns: SightingColumns = TABLE_COLUMNS
) -> Iterator[sa.ColumnElement[bool]]:
    """Yields those of the conditions that the photograph alone meets or not."""
    if where.since is not None:
        yield columns.taken_at >= where.since
    if where.until is not None:
        yield columns.taken_at < where.until
    if where.prefix is not None:
        yield key_starts_with(where.prefix, columns.key, columns.uri)
    if where.submission is not None:
        yield id_equals(columns.submission_id, where.submission)


def plate_conditions(
    where: SightingFilter, columns: SightingColumns = TABLE_COLUMNS
) -> Iterator[sa.ColumnElement[bool]]:
    """Yields those of the conditions that depend on the plate."""
    if where.mark is not None:
        yield _has_mark(columns.mark, where.mark)
    if where.incomplete is False or (where.incomplete is None and where.mark is not None):
        yield columns.complete
    if where.region is not None:
        yield columns.region == where.region
    # As it is stored: 0.9 has more digits than a REAL, and is not equal to the 0.9 there.
    if where.min_confidence is not None:
        yield columns.confidence >= sa.cast(where.min_confidence, sa.REAL)
    if where.below is not None:
        yield columns.confidence < sa.cast(where.below, sa.REAL)


def _has_mark(mark: sa.ColumnElement[Any], pattern: str) -> sa.ColumnElement[bool]:
    if not set(pattern) & set("?*"):
        return mark == pattern
    return mark.like(like(pattern))
