"""Reads one plate with all that is known of it, and the plates beside it and of its mark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.reviews.reviews import Review
from hkplates.database.row_ids import id_equals
from hkplates.database.schema import sightings_view
from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import ModelVersionRow, Plate
from hkplates.database.schema.reviews import Review as ReviewRow
from hkplates.database.schema.sightings_view import IS_SIGHTING
from hkplates.recognition import marks
from hkplates.recognition.geometry import MATCH_IOU, quad_iou

TimelineCursor = tuple[datetime | None, int]
"""The time and the number of the plate at which a page of a timeline ends."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A plate on its photograph, with its current review.

    `mark`, `text` and `series` are as a person corrected them, where one did; `read_mark` and
    `read_text` as they were read. Where it is not `complete`, they hold what is seen of the plate;
    `pattern` has a ? for the rest. `quad` has four corners (x, y), clockwise from the plate's own
    top left, and `box` left, top, width and height, in pixels of the upright photograph, which is
    `width` by `height`. `candidates` are dictionaries of text and confidence, the likeliest first;
    confidences and scores 0 to 1. `shown`: it is one of the view sightings; else another model
    version has read the photograph since, it was replaced, or a person found no plate there.
    """

    plate_id: int
    mark: str
    text: str
    series: str
    read_mark: str
    read_text: str
    region: str
    rows: int
    colour: str
    confidence: float
    character_confidences: list[float]
    candidates: list[dict[str, Any]]
    box: list[float]
    quad: list[list[float]]
    detector_score: float
    reader: str
    complete: bool
    pattern: str
    position: int
    model_version_id: int
    model_detector: str
    model_reader: str
    image_id: int
    submission_id: int
    store: str
    bucket: str
    key: str
    etag: str
    uri: str
    width: int | None
    height: int | None
    taken_at: datetime | None
    processed_at: datetime | None
    milliseconds: int | None
    shown: bool
    review: Review | None

    @property
    def seen_text(self) -> str:
        """Returns the text; of a plate that is not seen whole its pattern."""
        return self.text if self.complete else self.pattern

    @property
    def cursor(self) -> TimelineCursor:
        """Returns `before` of the page that begins behind this sighting."""
        return self.taken_at, self.plate_id


@dataclass(frozen=True, slots=True)
class PlateStyle:
    """The background colour of a plate (white, yellow or other), and its rows of characters."""

    colour: str = "white"
    rows: int = 1


def find_sighting(engine: sa.Engine, plate_id: int) -> Sighting | None:
    """Returns one plate, of whichever model version; None where there is none of this number.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    found = _fetch(engine, _ALL_PLATES.where(id_equals(Plate.id, plate_id)))
    return found[0] if found else None


def plate_styles(engine: sa.Engine, plate_ids: Sequence[int]) -> dict[int, PlateStyle]:
    """Returns the styles of these plates by number; plates that are gone are left out."""
    query = sa.select(Plate.id, Plate.colour, Plate.rows).where(Plate.id.in_(plate_ids))
    with engine.connect() as connection:
        return {row.id: PlateStyle(row.colour, row.rows) for row in connection.execute(query)}


def neighbours(engine: sa.Engine, plate_id: int) -> list[Sighting]:
    """Returns the other sightings on the same photograph, from left to right."""
    others = ~id_equals(Plate.id, plate_id)
    query = _ALL_PLATES.where(Image.id == _image_of(plate_id), others, *IS_SIGHTING)
    return _fetch(engine, query.order_by(Plate.position))


def other_readings(engine: sa.Engine, plate_id: int) -> list[Sighting]:
    """Returns the readings of other model versions at the place of a plate, the newest version
    first."""
    query = _ALL_PLATES.where(Image.id == _image_of(plate_id))
    found = _fetch(engine, query.order_by(Plate.model_version_id.desc(), Plate.position))
    here = next((one for one in found if one.plate_id == plate_id), None)
    if here is None:
        return []
    return [
        one
        for one in found
        if one.model_version_id != here.model_version_id
        and quad_iou(_corners(one), _corners(here)) >= MATCH_IOU
    ]


def sightings_of_mark(
    engine: sa.Engine,
    mark: str,
    *,
    before: TimelineCursor | None = None,
    limit: int = 50,
    incomplete: bool = False,
) -> list[Sighting]:
    """Returns the sightings of one mark (blanks and case do not count, I is 1), the latest first.

    Those without a time come last. With `before`, those that follow that one. With `incomplete`
    also plates of which just so much is seen.
    """
    when = Image.taken_at.desc().nulls_last()
    query = _ALL_PLATES.where(sightings_view.mark == marks.canonical(mark), *IS_SIGHTING).order_by(
        when, Plate.id.desc()
    )
    if not incomplete:
        query = query.where(sightings_view.complete)
    if before is not None:
        query = query.where(_follows(before))
    return _fetch(engine, query.limit(limit))


def _follows(cursor: TimelineCursor) -> sa.ColumnElement[bool]:
    taken_at, plate_id = cursor
    if taken_at is None:
        return sa.and_(Image.taken_at.is_(None), Plate.id < plate_id)
    return sa.or_(
        sa.tuple_(Image.taken_at, Plate.id) < sa.tuple_(taken_at, plate_id),
        Image.taken_at.is_(None),
    )


def _image_of(plate_id: int) -> sa.ScalarSelect[int]:
    return sa.select(Plate.image_id).where(id_equals(Plate.id, plate_id)).scalar_subquery()


def _fetch(engine: sa.Engine, query: sa.Select[Any]) -> list[Sighting]:
    with engine.connect() as connection:
        return [_sighting(row._mapping) for row in connection.execute(query)]


def _sighting(row: Mapping[Any, Any]) -> Sighting:
    own = {name: row[name] for name in _FIELDS}
    review = {field.name: row[f"review_{field.name}"] for field in fields(Review)}
    return Sighting(**own, review=None if review["id"] is None else Review(**review))


def _corners(one: Sighting) -> list[tuple[float, float]]:
    return [(x, y) for x, y in one.quad]


_FIELDS = tuple(field.name for field in fields(Sighting) if field.name != "review")
_EXPRESSIONS: dict[str, sa.ColumnElement[Any]] = {
    "plate_id": Plate.__table__.c.id,
    "mark": sightings_view.mark,
    "text": sightings_view.text,
    "series": sightings_view.series,
    "complete": sightings_view.complete,
    "pattern": sightings_view.pattern,
    "read_mark": Plate.__table__.c.mark,
    "read_text": Plate.__table__.c.text,
    "model_detector": ModelVersionRow.__table__.c.detector,
    "model_reader": ModelVersionRow.__table__.c.reader,
    "image_id": Image.__table__.c.id,
    "uri": sightings_view.uri,
    "shown": sa.and_(*IS_SIGHTING),
}


def _column(name: str) -> sa.ColumnElement[Any]:
    if name in _EXPRESSIONS:
        return _EXPRESSIONS[name].label(name)
    table = Plate if name in Plate.__table__.c else Image
    return table.__table__.c[name]


# Selects plates of all model versions, with their images, versions and current reviews.
_ALL_PLATES = (
    sa.select(
        *(_column(name) for name in _FIELDS),
        *(column.label(f"review_{column.name}") for column in ReviewRow.__table__.c),
    )
    .select_from(Plate)
    .join(Image, Image.id == Plate.image_id)
    .join(ModelVersionRow, ModelVersionRow.id == Plate.model_version_id)
    .outerjoin(ReviewRow, sa.and_(ReviewRow.plate_id == Plate.id, ReviewRow.current))
)
