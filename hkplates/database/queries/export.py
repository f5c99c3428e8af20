"""The view `sightings`, read to its end in constant memory."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.schema.sightings_view import begins
from hkplates.database.text import like

COLUMNS = (
    "plate_id",
    "mark",
    "text",
    "region",
    "series",
    "rows",
    "colour",
    "confidence",
    "uri",
    "bucket",
    "key",
    "taken_at",
    "processed_at",
    "box",
    "quad",
    "candidates",
    "detector_score",
    "reader",
    "position",
    "image_id",
    "submission_id",
    "model_version_id",
    "review",
    "read_mark",
)
"""The columns of the view, in its order: a contract."""

BATCH_ROWS = 2000


@dataclass(frozen=True, slots=True)
class SightingFilter:
    """Which sightings; what is None narrows nothing.

    `mark` is in the registry's form, with `?` for one character and `*` for any number. `since` is
    the first moment (of taken_at) that counts and `until` the first that does not any more.
    `prefix` with `://` is the beginning of `uri`, else of `key`.
    """

    mark: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    prefix: str | None = None
    submission: int | None = None
    region: str | None = None
    min_confidence: float | None = None


def stream_sightings(
    engine: sa.Engine, wanted: SightingFilter
) -> Generator[Sequence[Sequence[Any]], None, None]:
    """The sightings, some thousands at a time, each with the columns of COLUMNS.

    All of them as they stood at one moment, in no order. Moments are in UTC; `box` has 4 numbers,
    `quad` 4 pairs, `candidates` dictionaries of text and confidence.

    Raises:
        DatabaseUnreachable: Postgres went away.
    """
    query = sa.select(*(_SIGHTINGS.c[name] for name in COLUMNS)).where(*_conditions(wanted))
    with engine.connect() as connection:
        connection = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        connection.execute(sa.text("SET LOCAL TIME ZONE 'UTC'"))
        # Postgres plans a cursor for its first rows unless told that all will be read.
        connection.execute(sa.text("SET LOCAL cursor_tuple_fraction = 1"))
        options = {"stream_results": True, "max_row_buffer": BATCH_ROWS}
        with connection.execute(query, execution_options=options) as result:
            yield from result.partitions(BATCH_ROWS)


_SIGHTINGS = sa.table("sightings", *(sa.column(name) for name in COLUMNS))


def _conditions(wanted: SightingFilter) -> Iterator[sa.ColumnElement[bool]]:
    of = _SIGHTINGS.c
    if wanted.mark is not None:
        yield _is_mark(wanted.mark)
    if wanted.since is not None:
        yield of.taken_at >= wanted.since
    if wanted.until is not None:
        yield of.taken_at < wanted.until
    if wanted.prefix is not None:
        yield begins(wanted.prefix, of.key, of.uri)
    if wanted.submission is not None:
        yield of.submission_id == wanted.submission
    if wanted.region is not None:
        yield of.region == wanted.region
    if wanted.min_confidence is not None:
        # As it is stored: 0.9 has more digits than a REAL, and would leave out the 0.9 there.
        yield of.confidence >= sa.cast(wanted.min_confidence, sa.REAL)


def _is_mark(pattern: str) -> sa.ColumnElement[bool]:
    mark = _SIGHTINGS.c.mark
    if not set(pattern) & set("?*"):
        return mark == pattern
    return mark.like(like(pattern))
