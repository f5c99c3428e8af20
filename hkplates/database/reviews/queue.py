"""Readings that nobody has looked at and the reader was unsure of: the queue of a review."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.row_ids import numbered
from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.sightings_view import CURRENT, begins, uri

MAX_COUNTED = 1000

Cursor = tuple[float, int]
"""A plate's confidence and number: where a page of the queue ends."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A sighting without a review. `quad`, `box`, `candidates`: as in Sighting."""

    plate_id: int
    mark: str
    text: str
    region: str
    series: str
    rows: int
    colour: str
    confidence: float
    candidates: list[dict[str, Any]]
    box: list[float]
    quad: list[list[float]]
    reader: str
    image_id: int
    store: str
    bucket: str
    key: str
    etag: str
    uri: str
    width: int | None
    height: int | None
    taken_at: datetime | None

    @property
    def cursor(self) -> Cursor:
        """What `doubtful` takes as `after`, for the page that follows this one."""
        return self.confidence, self.plate_id


def review_queue(
    engine: sa.Engine,
    *,
    below: float = 0.8,
    region: str = "HK",
    prefix: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    submission: int | None = None,
    after: Cursor | None = None,
    limit: int = 20,
) -> list[ReviewItem]:
    """Sightings that were read with less confidence than `below` and that nobody has reviewed, the
    least sure first; with `after`, those that follow that one.

    `since` is the first moment (of taken_at) that counts and `until` the first that does not any
    more. `prefix` with `://` is the beginning of `uri`, else of `key`.
    """
    conditions = _conditions(below, region, prefix, since, until, submission)
    query = sa.select(*_COLUMNS).where(*conditions).order_by(Plate.confidence, Plate.id)
    if after is not None:
        confidence, plate_id = after
        query = query.where(
            sa.tuple_(Plate.confidence, Plate.id)
            > sa.tuple_(sa.cast(confidence, sa.REAL), sa.cast(plate_id, sa.BigInteger))
        )
    with engine.connect() as connection:
        return [ReviewItem(**row._mapping) for row in connection.execute(query.limit(limit))]


def count_remaining(
    engine: sa.Engine,
    *,
    below: float = 0.8,
    region: str = "HK",
    prefix: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    submission: int | None = None,
) -> tuple[int, bool]:
    """How many there are, and whether that is all: no more than MOST_COUNTED are counted."""
    conditions = _conditions(below, region, prefix, since, until, submission)
    some = sa.select(sa.literal(1)).where(*conditions).limit(MAX_COUNTED + 1).subquery()
    with engine.connect() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return min(count, MAX_COUNTED), count <= MAX_COUNTED


def _conditions(
    below: float,
    region: str,
    prefix: str | None,
    since: datetime | None,
    until: datetime | None,
    submission: int | None,
) -> Iterator[sa.ColumnElement[bool]]:
    yield from CURRENT
    yield Plate.review.is_(None)
    yield Plate.region == region
    # As it is stored: 0.9 has more digits than a REAL, and would take in the 0.9 there.
    yield Plate.confidence < sa.cast(below, sa.REAL)
    if prefix is not None:
        yield begins(prefix)
    if since is not None:
        yield Image.taken_at >= since
    if until is not None:
        yield Image.taken_at < until
    if submission is not None:
        yield numbered(Image.submission_id, submission)


_COLUMNS = tuple(
    uri.label("uri")
    if field.name == "uri"
    else sa.label(field.name, Plate.id)
    if field.name == "plate_id"
    else getattr(Plate, field.name, None) or getattr(Image, field.name)
    for field in fields(ReviewItem)
)
