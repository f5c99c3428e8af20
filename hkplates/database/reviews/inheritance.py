"""Copies reviews to the plates of another model version: its plate at the same place inherits the
review."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from hkplates.database.reviews.corrections import latest_by_place
from hkplates.database.reviews.reviews import insert_current
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.reviews import Review
from hkplates.recognition.geometry import Polygon, greedy_match

_Row = sa.Row[*tuple[Any, ...]]


def reviewed_images(connection: sa.Connection, version: int, image_ids: Iterable[int]) -> set[int]:
    """Returns those of the images that have a reviewed plate of this very model version."""
    query = sa.select(Plate.image_id).where(
        Plate.image_id.in_(sorted(image_ids)),
        Plate.model_version_id == version,
        Plate.review.is_not(None),
    )
    return set(connection.execute(query).scalars())


def inherit(connection: sa.Connection, version: int, image_ids: Sequence[int]) -> None:
    """Gives the plates of a version, which were just saved, the current reviews of their places.

    Of several reviews of one place the latest counts. A review says what is printed there: it is
    inherited as accepted where the version reads just that, else as corrected. What was accepted of
    a plate that was not seen whole says nothing of one that is seen otherwise, and stays behind.
    """
    reviews = connection.execute(_CURRENT_REVIEWS, {"images": image_ids}).all()
    if not reviews:
        return
    of_images = {"images": sorted({row.image_id for row in reviews}), "version": version}
    plates = {
        image_id: list(rows)
        for image_id, rows in groupby(
            connection.execute(_NEW_PLATES, of_images), attrgetter("image_id")
        )
    }
    inherited = [
        review
        for image_id, rows in groupby(reviews, attrgetter("image_id"))
        for review in _inherited_reviews(latest_by_place(rows), plates.get(image_id, []))
    ]
    if inherited:
        insert_current(connection, inherited)


def _inherited_reviews(reviews: Sequence[_Row], plates: Sequence[_Row]) -> Iterator[dict[str, Any]]:
    pairs = greedy_match([_corners(row) for row in reviews], [_corners(row) for row in plates])
    for i, j in pairs:
        review, plate = reviews[i], plates[j]
        if review.plate_id != plate.id and not _outdated(review, plate):
            yield {
                "plate_id": plate.id,
                "verdict": _verdict(review, plate),
                "carried_from": review.id,
                **{name: getattr(review, name) for name in _COPIED_COLUMNS},
            }


def _verdict(review: _Row, plate: _Row) -> str:
    if review.verdict == "not_a_plate":
        return "not_a_plate"
    same = plate.text.split() == review.text.split()
    # A person said what the whole mark is; the version sees a part of it at most.
    whole = _accepted_part(review) or plate.pattern is None
    return "accepted" if same and whole else "corrected"


def _accepted_part(review: _Row) -> bool:
    return review.verdict == "accepted" and review.pattern is not None


def _outdated(review: _Row, plate: _Row) -> bool:
    return _accepted_part(review) and review.pattern != plate.pattern


def _corners(row: _Row) -> Polygon:
    return [(x, y) for x, y in row.quad]


_COPIED_COLUMNS = ("mark", "text", "series", "reviewer", "reviewed_at", "note")

# Selects the current reviews of images, with their plates' quads, the latest of each first.
_CURRENT_REVIEWS = (
    sa.select(Plate.image_id, Plate.quad, Plate.pattern, Review.__table__)
    .join(Review, Review.plate_id == Plate.id)
    .where(Plate.image_id.in_(sa.bindparam("images", expanding=True)), Review.current)
    .order_by(Plate.image_id, Review.reviewed_at.desc(), Review.id.desc())
)
# Selects the plates of one model version on images.
_NEW_PLATES = (
    sa.select(Plate.image_id, Plate.id, Plate.quad, Plate.text, Plate.pattern)
    .where(
        Plate.image_id.in_(sa.bindparam("images", expanding=True)),
        Plate.model_version_id == sa.bindparam("version"),
    )
    .order_by(Plate.image_id, Plate.position)
)
