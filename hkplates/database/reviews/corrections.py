"""Streams the current reviews by photograph, as training labels need them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from hkplates.database.snapshot import snapshot, stream_rows
from hkplates.jobs import ImageRef
from hkplates.recognition.geometry import MATCH_IOU, quad_iou

BATCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class Correction:
    """A plate of a photograph that has a review.

    `verdict` is None where this very plate has none; then `text` and `mark` are None, as for what
    is no plate. `beyond_sight`: a person said more of it than is seen. `quad` and `box` are as in
    Sighting, in pixels of the upright photograph, which is `width` by `height`.
    """

    image: ImageRef
    width: int
    height: int
    plate_id: int
    verdict: str | None
    text: str | None
    mark: str | None
    region: str
    rows: int
    colour: str
    box: list[float]
    quad: list[list[float]]
    beyond_sight: bool


def corrections(engine: sa.Engine) -> Iterator[Correction]:
    """Yields every current review, in the order of the photographs, in constant memory.

    All as they stand at one moment. A photograph that was replaced is left out. Of several reviews
    of one place, on plates of several model versions, the latest alone is yielded; of a review that
    another version's plate inherited, the copy.

    Raises:
        DatabaseUnreachable: Postgres went away.
    """
    for plates in reviewed_photographs(engine):
        yield from (plate for plate in plates if plate.verdict is not None)


def reviewed_photographs(engine: sa.Engine) -> Iterator[list[Correction]]:
    """Yields the same by photograph, each with the plates on it that have no review as well.

    Raises:
        DatabaseUnreachable: Postgres went away.
    """
    with (
        snapshot(engine) as connection,
        stream_rows(connection, _PLATES, batch_rows=BATCH_ROWS) as rows,
    ):
        for _, of_image in groupby(rows, attrgetter("id")):
            yield [_correction(row) for row in _without_repeats(list(of_image))]


def stores_of_reviewed_photographs(engine: sa.Engine) -> set[str]:
    """Returns the stores that hold the photographs of the current reviews."""
    with engine.connect() as connection:
        return set(connection.execute(_STORES).scalars())


def latest_by_place(reviews: Iterable[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """Keeps the latest review of each place, of reviews (with their plates' quads) sorted from the
    latest to the oldest."""
    kept: list[sa.Row[Any]] = []
    for row in reviews:
        if _overlaps_none(row, kept):
            kept.append(row)
    return kept


def _overlaps_none(row: sa.Row[Any], others: Iterable[sa.Row[Any]]) -> bool:
    return all(quad_iou(row.quad, other.quad) < MATCH_IOU for other in others)


def _without_repeats(rows: Sequence[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """Keeps the latest review of each place, and the plates without a review that overlap none."""
    reviewed = [row for row in rows if row.verdict is not None]
    reviewed.sort(key=lambda row: (row.reviewed_at, row.review_id), reverse=True)
    latest = {row.plate_id for row in latest_by_place(reviewed)}
    return [
        row
        for row in rows
        if row.plate_id in latest or (row.verdict is None and _overlaps_none(row, reviewed))
    ]


def _correction(row: sa.Row[Any]) -> Correction:
    image = ImageRef(row.id, row.store, row.bucket, row.key, row.etag)
    fields = {name: getattr(row, name) for name in Correction.__slots__ if name != "image"}
    return Correction(image, **fields)


# Selects the plates of every photograph with a current review: the reviewed ones, and those of the
# image's current model version without a review.
_PLATES = sa.text("""
    WITH said AS MATERIALIZED (
        SELECT id, plate_id, verdict, text, mark, reviewed_at FROM reviews
         WHERE current AND NOT EXISTS (
               SELECT FROM reviews AS later WHERE later.carried_from = reviews.id)
    ), chosen AS MATERIALIZED (
        SELECT DISTINCT image_id FROM said JOIN plates ON plates.id = plate_id)
    SELECT images.id, store, bucket, key, etag, width, height, plates.id AS plate_id, said.verdict,
           said.text, said.mark, said.id AS review_id, reviewed_at, region, plates.rows, colour,
           box, quad,
           (pattern IS NOT NULL AND said.mark IS DISTINCT FROM plates.mark) AS beyond_sight
      FROM chosen JOIN images ON images.id = image_id AND NOT superseded
      JOIN plates ON plates.image_id = images.id
      LEFT JOIN said ON said.plate_id = plates.id
     WHERE said.plate_id IS NOT NULL
        OR (plates.model_version_id = images.model_version_id AND review IS NULL)
     ORDER BY images.id, plates.position, plates.id
""")

# Selects the stores of the photographs with a current review.
_STORES = sa.text("""
    SELECT DISTINCT store FROM reviews
      JOIN plates ON plates.id = plate_id JOIN images ON images.id = image_id
     WHERE current AND NOT superseded
""")
