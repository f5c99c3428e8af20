"""Streams the view `sightings`, or the part that a filter leaves of it, in constant memory."""

from collections.abc import Generator, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from hkplates.database.sighting_filter import SightingColumns, SightingFilter, conditions
from hkplates.database.snapshot import snapshot, stream_rows

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
    "complete",
    "pattern",
)
"""The columns of the view, in its order: a contract."""

BATCH_ROWS = 2000


def stream_sightings(
    engine: sa.Engine, where: SightingFilter
) -> Generator[Sequence[Sequence[Any]], None, None]:
    """Yields the sightings in batches of BATCH_ROWS, each with the columns of COLUMNS.

    All of them as they stood at one moment, in no order. Moments are in UTC; `box` has 4 numbers,
    `quad` 4 pairs, `candidates` dictionaries of text and confidence.

    Raises:
        DatabaseUnreachable: Postgres went away.
    """
    columns = (_SIGHTINGS.c[name] for name in COLUMNS)
    query = sa.select(*columns).where(*conditions(where, _FILTERED))
    with snapshot(engine) as connection:
        connection.execute(sa.text("SET LOCAL TIME ZONE 'UTC'"))
        with stream_rows(connection, query, batch_rows=BATCH_ROWS) as rows:
            yield from rows.partitions(BATCH_ROWS)


_SIGHTINGS = sa.table("sightings", *(sa.column(name) for name in COLUMNS))
_FILTERED = SightingColumns(
    **{field.name: _SIGHTINGS.c[field.name] for field in fields(SightingColumns)}
)
