"""A person's word stays when another model version reads the photograph: its plate at the same
place inherits it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from hkplates.database.reviews.corrections import latest_by_place
from hkplates.database.reviews.reviews import insert_current
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.reviews import Review
from hkplates.recognition.geometry import Corners, matches

_Row = sa.Row[*tuple[Any, ...]]


def reviewed_images(connection: sa.Connection, version: int, image_ids: Iterable[int]) -> set[int]:
    """Images of which people have reviewed what this very version found."""
    query = sa.select(Plate.image_id).where(
        Plate.image_id.in_(sorted(image_ids)),
        Plate.model_version_id == version,
        Plate.review.is_not(None),
    )
    return set(connection.execute(query).scalars())


def inherit(connection: sa.Connection, version: int, image_ids: Sequence[int]) -> None:
    """Give the plates of a version, which were just saved, the reviews of what lies there.

    Of several reviews of one place the latest counts. A person's word is what is printed there: it
    is an acceptance where the version reads just that, else a correction.
    """
    said = connection.execute(_CURRENT_REVIEWS, {"images": image_ids}).all()
    if not said:
        return
    of_images = {"images": sorted({row.image_id for row in said}), "version": version}
    found = {
        image_id: list(rows)
        for image_id, rows in groupby(
            connection.execute(_NEW_PLATES, of_images), attrgetter("image_id")
        )
    }
    carried = [
        word
        for image_id, rows in groupby(said, attrgetter("image_id"))
        for word in _inherited_reviews(latest_by_place(rows), found.get(image_id, []))
    ]
    if carried:
        insert_current(connection, carried)


def _inherited_reviews(said: Sequence[_Row], found: Sequence[_Row]) -> Iterator[dict[str, Any]]:
    pairs = matches([_corners(row) for row in said], [_corners(row) for row in found])
    for i, j in pairs:
        word, plate = said[i], found[j]
        if word.plate_id != plate.id:
            yield {
                "plate_id": plate.id,
                "verdict": _verdict(word, plate),
                "carried_from": word.id,
                **{name: getattr(word, name) for name in _COPIED_COLUMNS},
            }


def _verdict(word: _Row, plate: _Row) -> str:
    if word.verdict == "not_a_plate":
        return "not_a_plate"
    return "accepted" if plate.text.split() == word.text.split() else "corrected"


def _corners(row: _Row) -> Corners:
    return [(x, y) for x, y in row.quad]


_COPIED_COLUMNS = ("mark", "text", "series", "reviewer", "reviewed_at", "note")

_CURRENT_REVIEWS = (
    sa.select(Plate.image_id, Plate.quad, Review.__table__)
    .join(Review, Review.plate_id == Plate.id)
    .where(Plate.image_id.in_(sa.bindparam("images", expanding=True)), Review.current)
    .order_by(Plate.image_id, Review.reviewed_at.desc(), Review.id.desc())
)
_NEW_PLATES = (
    sa.select(Plate.image_id, Plate.id, Plate.quad, Plate.text)
    .where(
        Plate.image_id.in_(sa.bindparam("images", expanding=True)),
        Plate.model_version_id == sa.bindparam("version"),
    )
    .order_by(Plate.image_id, Plate.position)
)
