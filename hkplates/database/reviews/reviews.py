"""What people say about readings: accepted, corrected, or not a plate at all.

Each word is a row of `reviews`, with who and when; the latest on a plate is its current one. What
the machine read stays as it is: the plate's columns `review` and `corrected_...` repeat the current
review, and the view sightings prefers them.
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
    """What was said about a plate cannot be; the message says what can."""


class ReviewOutdated(RuntimeError):
    """Another review is current than the one that was seen; look at it and say so again."""


@dataclass(frozen=True, slots=True)
class Review:
    """One word of one person on one plate.

    `mark` (registration form), `text` (as printed) and `series` are what the plate bears in truth,
    None where it is no plate. `carried_from` is the review that this one repeats for the plate
    that another model version found at the same place.
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
    """Keep what a person says about a plate; from now on it is the plate's current review.

    `text` is what is printed, for a correction alone. Said once more by the same person with the
    same note, nothing is added. `seen` is the number of the review that they take the place of, 0
    where they saw none; without it, whichever is current.

    Raises:
        PlateUnknown: there is no such plate.
        ReviewInvalid: no such verdict, nobody's, or a correction to what can be no mark.
        ReviewOutdated: the current review is not the one that was seen.
        DatabaseUnreachable: nothing was written; the same call may succeed later.
    """
    said = _validated(verdict, text, reviewer, note)
    with engine.begin() as connection:
        plate = _locked_plate(connection, plate_id)
        if verdict == "accepted":
            said |= {"mark": plate.mark, "text": plate.text, "series": plate.series}
        current = connection.execute(_CURRENT, {"plate_id": plate_id}).one_or_none()
        if current is not None and said.items() <= current._mapping.items():
            return Review(**current._mapping)
        if seen is not None and seen != (current.id if current is not None else 0):
            raise ReviewOutdated("somebody has reviewed this reading meanwhile")
        [review] = insert_current(connection, [{"plate_id": plate_id, **said}])
        return review


def history(engine: sa.Engine, plate_id: int) -> list[Review]:
    """All reviews of a plate, the newest first."""
    query = _ALL.where(id_equals(ReviewRow.plate_id, plate_id)).order_by(ReviewRow.id.desc())
    with engine.connect() as connection:
        return [Review(**row._mapping) for row in connection.execute(query)]


def insert_current(connection: sa.Connection, said: Sequence[Mapping[str, Any]]) -> list[Review]:
    """Write reviews, each of another plate, in place of the current ones; the images are locked."""
    plates = [one["plate_id"] for one in said]
    connection.execute(
        sa.update(ReviewRow)
        .where(ReviewRow.plate_id.in_(plates), ReviewRow.current)
        .values(current=False)
    )
    insertion = sa.insert(ReviewRow).returning(ReviewRow.__table__)
    rows = connection.execute(insertion, list(said)).all()
    connection.execute(_COPY_TO_PLATES, {"plates": plates})
    return [Review(**row._mapping) for row in rows]


def _validated(
    verdict: str, text: str | None, reviewer: str, note: str | None
) -> dict[str, str | None]:
    """The columns of a review that the plate does not decide."""
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
    """The text in capitals, with single blanks."""
    words = " ".join(text.split())
    # Before upper(), which makes SS of a sharp s and FI of a ligature.
    if not (_PLAIN.fullmatch(words) and marks.is_mark(words)):
        raise ReviewInvalid(f"{text!r} can be no mark: 1 to 8 letters (not Q) and digits")
    return words.upper()


def _locked_plate(connection: sa.Connection, plate_id: int) -> sa.Row[str, str, str]:
    """The plate, with its image locked, as whoever saves a reading locks it first."""
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

_ALL = sa.select(ReviewRow.__table__)
_CURRENT = _ALL.where(ReviewRow.plate_id == sa.bindparam("plate_id"), ReviewRow.current)

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
