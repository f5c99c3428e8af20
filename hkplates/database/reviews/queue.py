"""Lists readings without a review, the least sure first: the queue that people work through."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.schema import sightings_view
from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.sightings_view import IS_CURRENT
from hkplates.database.sighting_filter import SightingFilter, conditions

DOUBTFUL = SightingFilter(below=0.8, region="HK")
"""The queue where nobody chooses another."""
MAX_COUNTED = 1000

Cursor = tuple[float, int]
"""The confidence and the number of the plate at which a page of the queue ends."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A sighting without a review. `complete`, `quad`, `box`, `candidates`: as in Sighting."""

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
    complete: bool
    pattern: str
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
        """Returns `after` of the page that begins behind this item."""
        return self.confidence, self.plate_id


def review_queue(
    engine: sa.Engine,
    where: SightingFilter = DOUBTFUL,
    *,
    after: Cursor | None = None,
    limit: int = 20,
) -> list[ReviewItem]:
    """Returns the sightings that have no review, the least sure first; with `after`, those that
    follow that one.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    query = sa.select(*_COLUMNS).where(*_conditions(where)).order_by(Plate.confidence, Plate.id)
    if after is not None:
        confidence, plate_id = after
        query = query.where(
            sa.tuple_(Plate.confidence, Plate.id)
            > sa.tuple_(sa.cast(confidence, sa.REAL), sa.cast(plate_id, sa.BigInteger))
        )
    with engine.connect() as connection:
        return [ReviewItem(**row._mapping) for row in connection.execute(query.limit(limit))]


def count_remaining(engine: sa.Engine, where: SightingFilter = DOUBTFUL) -> tuple[int, bool]:
    """Counts the sightings in the queue, up to MAX_COUNTED; the second is True if that is all.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    some = sa.select(sa.literal(1)).where(*_conditions(where)).limit(MAX_COUNTED + 1).subquery()
    with engine.connect() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return min(count, MAX_COUNTED), count <= MAX_COUNTED


def _conditions(where: SightingFilter) -> Iterator[sa.ColumnElement[bool]]:
    yield from IS_CURRENT
    yield Plate.review.is_(None)
    yield from conditions(where)


_EXPRESSIONS: dict[str, sa.ColumnElement[Any]] = {
    "plate_id": Plate.__table__.c.id,
    "uri": sightings_view.uri,
    "complete": sightings_view.complete,
    "pattern": sightings_view.pattern,
}
_COLUMNS = tuple(
    _EXPRESSIONS[field.name].label(field.name)
    if field.name in _EXPRESSIONS
    else getattr(Plate, field.name, None) or getattr(Image, field.name)
    for field in fields(ReviewItem)
)
