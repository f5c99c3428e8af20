"""Records reviews of readings: accepted, corrected, or not a plate at all.

Each review is a row of `reviews`, with its reviewer and time; the latest of a plate is its current
one. The machine's reading stays as it is: the plate's columns `review` and `corrected_...` repeat
the current review, and the view sightings prefers them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.row_ids import id_equals
from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.schema.reviews import VERDICTS
from hkplates.database.schema.reviews import Review as ReviewRow
from hkplates.database.text import sanitise_text
from hkplates.recognition import marks


class PlateUnknown(LookupError):
    """There is no such plate (any more): its photograph was read again."""


class ReviewInvalid(ValueError):
    """A review that cannot be of a plate; the message says what can."""


class ReviewOutdated(RuntimeError):
    """Another review is current than the one that the reviewer saw; look at it and review again."""


@dataclass(frozen=True, slots=True)
class Review:
    """One verdict of one person on one plate.

    `mark` (registration form), `text` (as printed) and `series` are what the plate bears in truth,
    None where it is no plate. `carried_from` is the review that this one inherits, of the plate of
    another model version at the same place.
    """

    id: int
    plate_id: int
    verdict: str
    mark: str | None
    text: str | None
    series: str | None
    reviewer: str
    reviewed_at: datetime
    note: str | None
    current: bool
    carried_from: int | None


def record(
    engine: sa.Engine,
    plate_id: int,
    verdict: str,
    *,
    text: str | None = None,
    reviewer: str,
    note: str | None = None,
    seen: int | None = None,
) -> Review:
    """Records a person's review of a plate, which becomes its current one, and returns it.

    `text` is what is printed, for a correction alone. The same review by the same person with the
    same note adds nothing. `seen` is the number of the review that this one replaces, 0 where the
    person saw none; without it, it replaces whichever is current.

    Raises:
        PlateUnknown: there is no such plate.
        ReviewInvalid: no such verdict, no reviewer, or a correction to what can be no mark.
        ReviewOutdated: the current review is not the one that was seen.
        DatabaseUnreachable: nothing was written; the same call may succeed later.
    """
    review = _validated(verdict, text, reviewer, note)
    with engine.begin() as connection:
        plate = _locked_plate(connection, plate_id)
        if verdict == "accepted":
            review |= {"mark": plate.mark, "text": plate.text, "series": plate.series}
        current = connection.execute(_CURRENT, {"plate_id": plate_id}).one_or_none()
        if current is not None and review.items() <= current._mapping.items():
            return Review(**current._mapping)
        if seen is not None and seen != (current.id if current is not None else 0):
            raise ReviewOutdated("somebody has reviewed this reading meanwhile")
        [inserted] = insert_current(connection, [{"plate_id": plate_id, **review}])
        return inserted


def history(engine: sa.Engine, plate_id: int) -> list[Review]:
    """Returns all reviews of a plate, the newest first."""
    query = _ALL.where(id_equals(ReviewRow.plate_id, plate_id)).order_by(ReviewRow.id.desc())
    with engine.connect() as connection:
        return [Review(**row._mapping) for row in connection.execute(query)]


def insert_current(connection: sa.Connection, reviews: Sequence[Mapping[str, Any]]) -> list[Review]:
    """Inserts reviews, each of another plate, as the current ones; their images are locked."""
    plates = [one["plate_id"] for one in reviews]
    connection.execute(
        sa.update(ReviewRow)
        .where(ReviewRow.plate_id.in_(plates), ReviewRow.current)
        .values(current=False)
    )
    insertion = sa.insert(ReviewRow).returning(ReviewRow.__table__)
    rows = connection.execute(insertion, list(reviews)).all()
    connection.execute(_COPY_TO_PLATES, {"plates": plates})
    return [Review(**row._mapping) for row in rows]


def _validated(
    verdict: str, text: str | None, reviewer: str, note: str | None
) -> dict[str, str | None]:
    """Returns the columns of a review that the plate does not decide.

    Raises:
        ReviewInvalid: such a review cannot be.
    """
    if verdict not in VERDICTS:
        raise ReviewInvalid(f"a verdict is one of {', '.join(VERDICTS)}; got {verdict!r}")
    if (verdict == "corrected") != (text is not None):
        raise ReviewInvalid("a text belongs to a correction, and only there")
    if not reviewer.strip():
        raise ReviewInvalid("a review names its reviewer")
    printed = None if text is None else _normalised_text(text)
    mark = None if printed is None else marks.canonical(printed)
    return {
        "verdict": verdict,
        "mark": mark,
        "text": printed,
        "series": None if mark is None else marks.series(mark),
        "reviewer": sanitise_text(reviewer.strip()),
        "note": sanitise_text(note.strip()) or None if note else None,
    }


def _normalised_text(text: str) -> str:
    """Returns the text in capitals, with single blanks.

    Raises:
        ReviewInvalid: it can be no mark.
    """
    words = " ".join(text.split())
    # Before upper(), which makes SS of a sharp s and FI of a ligature.
    if not (_PLAIN.fullmatch(words) and marks.is_mark(words)):
        raise ReviewInvalid(f"{text!r} can be no mark: 1 to 8 letters (not Q) and digits")
    return words.upper()


def _locked_plate(connection: sa.Connection, plate_id: int) -> sa.Row[str, str, str]:
    """Locks the image of a plate, as whoever saves a reading does first, and returns the plate.

    Raises:
        PlateUnknown: there is no such plate.
    """
    image = sa.select(Plate.image_id).where(id_equals(Plate.id, plate_id)).scalar_subquery()
    lock = sa.select(Image.id).where(Image.id == image).with_for_update(key_share=True)
    connection.execute(lock)
    # Asked after the lock: the image may have been read again while it was waited for.
    query = sa.select(Plate.mark, Plate.text, Plate.series).where(id_equals(Plate.id, plate_id))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise PlateUnknown(
            f"There is no plate {plate_id}; its photograph may have been read again since."
        )
    return row


_PLAIN = re.compile("[A-Za-z0-9 .-]*")

# Selects reviews; the second statement, the current one of a plate.
_ALL = sa.select(ReviewRow.__table__)
_CURRENT = _ALL.where(ReviewRow.plate_id == sa.bindparam("plate_id"), ReviewRow.current)

# Copies the current reviews of plates into the plates' own columns.
_COPY_TO_PLATES = sa.text("""
    UPDATE plates
       SET review = verdict,
           corrected_mark = CASE verdict WHEN 'corrected' THEN reviews.mark END,
           corrected_text = CASE verdict WHEN 'corrected' THEN reviews.text END,
           corrected_series = CASE verdict WHEN 'corrected' THEN reviews.series END
      FROM reviews
     WHERE reviews.plate_id = plates.id AND reviews.current
       AND plates.id = ANY(CAST(:plates AS bigint[]))
""")
