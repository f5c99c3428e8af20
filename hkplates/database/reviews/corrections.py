"""What people said about plates, by photograph: labels to train on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from hkplates.jobs import ImageRef
from hkplates.recognition.geometry import LEAST_OVERLAP, overlap

BATCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class Correction:
    """A plate of a photograph on which a person said something.

    `verdict` is None where nobody has looked at this very plate; then `text` and `mark` are None,
    as for what is no plate. `quad` and `box` are as in Sighting, in pixels of the upright
    photograph, which is `width` by `height`.
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


def corrections(engine: sa.Engine) -> Iterator[Correction]:
    """Every current review, in the order of the photographs, in constant memory.

    All as they stand at one moment. A photograph that was replaced is left out. Of several reviews
    of one place, on plates of several model versions, the latest alone is there; of a review that
    was carried over to another version's plate, the copy.

    Raises:
        DatabaseUnreachable: Postgres went away.
    """
    for plates in reviewed_photographs(engine):
        yield from (plate for plate in plates if plate.verdict is not None)


def reviewed_photographs(engine: sa.Engine) -> Iterator[list[Correction]]:
    """The same by photograph, each with the plates on it that nobody has looked at as well."""
    with engine.connect() as connection:
        connection = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        # Postgres plans a cursor for its first rows unless told that all will be read.
        connection.execute(sa.text("SET LOCAL cursor_tuple_fraction = 1"))
        options = {"stream_results": True, "max_row_buffer": BATCH_ROWS}
        with connection.execute(_PLATES, execution_options=options) as rows:
            for _, of_image in groupby(rows, attrgetter("id")):
                yield [_correction(row) for row in _without_repeats(list(of_image))]


def stores_of_reviewed_photographs(engine: sa.Engine) -> set[str]:
    """In which stores the photographs of the reviews lie."""
    query = """
        SELECT DISTINCT store FROM reviews
          JOIN plates ON plates.id = plate_id JOIN images ON images.id = image_id
         WHERE current AND NOT superseded
    """
    with engine.connect() as connection:
        return set(connection.execute(sa.text(query)).scalars())


def latest_by_place(said: Iterable[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """One review (with its plate's quad) for each place, of those given the latest first."""
    kept: list[sa.Row[Any]] = []
    for row in said:
        if _overlaps_none(row, kept):
            kept.append(row)
    return kept


def _overlaps_none(row: sa.Row[Any], others: Iterable[sa.Row[Any]]) -> bool:
    return all(overlap(row.quad, other.quad) < LEAST_OVERLAP for other in others)


def _without_repeats(rows: Sequence[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """Of each place what was said last, and of what nobody looked at the places without a word."""
    said = [row for row in rows if row.verdict is not None]
    said.sort(key=lambda row: (row.reviewed_at, row.review_id), reverse=True)
    counted = {row.plate_id for row in latest_by_place(said)}
    return [
        row
        for row in rows
        if row.plate_id in counted or (row.verdict is None and _overlaps_none(row, said))
    ]


def _correction(row: sa.Row[Any]) -> Correction:
    image = ImageRef(row.id, row.store, row.bucket, row.key, row.etag)
    fields = {name: getattr(row, name) for name in Correction.__slots__ if name != "image"}
    return Correction(image, **fields)


_PLATES = sa.text("""
    WITH said AS MATERIALIZED (
        SELECT id, plate_id, verdict, text, mark, reviewed_at FROM reviews
         WHERE current AND NOT EXISTS (
               SELECT FROM reviews AS later WHERE later.carried_from = reviews.id)
    ), chosen AS MATERIALIZED (
        SELECT DISTINCT image_id FROM said JOIN plates ON plates.id = plate_id)
    SELECT images.id, store, bucket, key, etag, width, height, plates.id AS plate_id, said.verdict,
           said.text, said.mark, said.id AS review_id, reviewed_at, region, plates.rows, colour,
           box, quad
      FROM chosen JOIN images ON images.id = image_id AND NOT superseded
      JOIN plates ON plates.image_id = images.id
      LEFT JOIN said ON said.plate_id = plates.id
     WHERE said.plate_id IS NOT NULL
        OR (plates.model_version_id = images.model_version_id AND review IS NULL)
     ORDER BY images.id, plates.position, plates.id
""")
