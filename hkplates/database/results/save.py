"""Saves what workers read. Running a chunk twice leaves the same rows.

An image keeps the plates of every model version that looked at it to the end. `model_version_id`
names the version that did so last, whichever is newer; `earlier_versions` names the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from hkplates.database.results.model_versions import model_row
from hkplates.database.reviews.inheritance import inherit, reviewed_images
from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import EarlierVersion, ModelVersionRow, Plate
from hkplates.database.text import sanitise_text
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.recognition.types import PlateReading


@dataclass(frozen=True, slots=True)
class ImageDone:
    """An image that was read to the end, with its plates; none is a result too.

    `width` and `height` are pixels of the upright photograph. `taken_at` carries a time zone.
    """

    image: ImageRef
    width: int
    height: int
    taken_at: datetime | None
    milliseconds: int
    plates: tuple[PlateReading, ...]


@dataclass(frozen=True, slots=True)
class ImageFailed:
    """An image that cannot be read: an ImageRejected's `reason`, and a sentence."""

    image: ImageRef
    reason: str
    detail: str


Outcome = ImageDone | ImageFailed


class Results:
    """Writes results into the database; safe to use from several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def register_model(self, version: ModelVersion) -> int:
        """Returns a model version's id; it is kept once however many workers register it."""
        row = model_row(version)
        query = sa.select(ModelVersionRow.id).where(ModelVersionRow.digest == row["digest"])
        with self._engine.begin() as connection:
            # Asked first: each attempt to insert takes a number, and people read them.
            if (found := connection.execute(query).scalar_one_or_none()) is not None:
                return found
            connection.execute(insert(ModelVersionRow).values(row).on_conflict_do_nothing())
            return connection.execute(query).scalar_one()

    def save(self, model_version_id: int, outcomes: Sequence[Outcome]) -> None:
        """Writes the outcomes of one or more images in one transaction.

        An outcome counts where its image waits for one: a late duplicate leaves the rows of the
        first as they are. Plates that were found also count for an image whose lease had expired,
        or that was set aside meanwhile. An image that fails keeps what was read on it before.

        Raises:
            DatabaseUnreachable: nothing was written; the same call may succeed later.
        """
        wanted = {outcome.image.id: outcome for outcome in outcomes}
        with self._engine.begin() as connection:
            rows = _lock(connection, wanted)
            counted = [wanted[row.id] for row in rows if _counts(wanted[row.id], row.state)]
            done = [outcome for outcome in counted if isinstance(outcome, ImageDone)]
            failed = [outcome for outcome in counted if isinstance(outcome, ImageFailed)]
            if done:
                before = {row.id: row.model_version_id for row in rows}
                _record_earlier(connection, model_version_id, done, before)
                read_before = [one.image.id for one in done if before[one.image.id] is not None]
                _save_done(connection, model_version_id, done, read_before)
            if failed:
                _save_failed(connection, failed)


def _lock(connection: sa.Connection, ids: Iterable[int]) -> Sequence[sa.Row[int, str, int | None]]:
    """Locks images in the order of their ids and returns those that there are, as they stand."""
    query = sa.select(Image.id, Image.state, Image.model_version_id)
    query = query.where(Image.id.in_(sorted(ids))).order_by(Image.id).with_for_update()
    return connection.execute(query).all()


def _counts(outcome: Outcome, state: str) -> bool:
    """Checks that an image in this state waits for such an outcome."""
    if isinstance(outcome, ImageDone):
        return state in ("queued", "pending", "quarantined")
    return state == "queued"


def _record_earlier(
    connection: sa.Connection,
    version: int,
    done: list[ImageDone],
    before: Mapping[int, int | None],
) -> None:
    """Records the model versions of the images' last readings, before another takes their place.

    A version that comes back (workers were rolled back) is no earlier one any more.
    """
    ids = [one.image.id for one in done if before[one.image.id] not in (None, version)]
    if not ids:
        return  # as of every image that is read for the first time
    last = sa.select(Image.id, Image.model_version_id, Image.processed_at).where(
        # Without a time it was never looked at to the end, whatever older programs wrote.
        Image.id.in_(ids),
        Image.processed_at.is_not(None),
    )
    names = ["image_id", "model_version_id", "processed_at"]
    insertion = insert(EarlierVersion).from_select(names, last)
    connection.execute(
        insertion.on_conflict_do_update(
            index_elements=names[:2], set_={"processed_at": insertion.excluded.processed_at}
        )
    )
    connection.execute(
        sa.delete(EarlierVersion).where(
            EarlierVersion.image_id.in_(ids), EarlierVersion.model_version_id == version
        )
    )


def _save_done(
    connection: sa.Connection, version: int, done: list[ImageDone], read_before: list[int]
) -> None:
    # A version reads what it read before; where people have spoken of that, its rows stay theirs.
    kept = reviewed_images(connection, version, read_before) if read_before else set()
    ids = [outcome.image.id for outcome in done if outcome.image.id not in kept]
    connection.execute(
        sa.delete(Plate).where(Plate.image_id.in_(ids), Plate.model_version_id == version)
    )
    plates = [
        _plate(outcome.image.id, version, position, plate)
        for outcome in done
        if outcome.image.id not in kept
        for position, plate in enumerate(outcome.plates)
    ]
    if plates:
        connection.execute(sa.insert(Plate), plates)
    if read_before:
        inherit(connection, version, read_before)
    connection.execute(
        _ENDED.values(
            state="done",
            reason=None,
            detail=None,
            model_version_id=sa.bindparam("version"),
            width=sa.bindparam("new_width"),
            height=sa.bindparam("new_height"),
            taken_at=sa.bindparam("new_taken_at"),
            milliseconds=sa.bindparam("new_milliseconds"),
        ),
        [
            {
                "image": outcome.image.id,
                "version": version,
                "new_width": outcome.width,
                "new_height": outcome.height,
                "new_taken_at": _in_utc(outcome.taken_at),
                "new_milliseconds": outcome.milliseconds,
            }
            for outcome in done
        ],
    )


def _save_failed(connection: sa.Connection, failed: list[ImageFailed]) -> None:
    connection.execute(
        _ENDED.values(
            state="failed",
            reason=sa.bindparam("new_reason"),
            detail=sa.bindparam("new_detail"),
        ),
        [
            {
                "image": outcome.image.id,
                "new_reason": sanitise_text(outcome.reason),
                "new_detail": sanitise_text(outcome.detail),
            }
            for outcome in failed
        ],
    )


_ENDED = (
    sa.update(Image)
    .where(Image.id == sa.bindparam("image"))
    .values(leased_until=None, trouble=None, processed_at=sa.func.now())
)


def _plate(image_id: int, version: int, position: int, plate: PlateReading) -> dict[str, Any]:
    box = plate.box
    return {
        "image_id": image_id,
        "model_version_id": version,
        "position": position,
        "mark": sanitise_text(plate.mark),
        "text": sanitise_text(plate.text),
        "series": sanitise_text(plate.series),
        "region": plate.region,
        "rows": plate.rows,
        "colour": plate.colour,
        "confidence": float(plate.confidence),
        "character_confidences": [float(one) for one in plate.character_confidences],
        "candidates": [
            {"text": sanitise_text(other.text), "confidence": float(other.confidence)}
            for other in plate.candidates
        ],
        "box": [float(side) for side in (box.left, box.top, box.width, box.height)],
        "quad": plate.quad.to_array().tolist(),
        "detector_score": float(plate.detector_score),
        "reader": sanitise_text(plate.reader),
        "pattern": None if plate.complete else sanitise_text(plate.pattern),
    }


def _in_utc(moment: datetime | None) -> datetime | None:
    """Converts a time to UTC, since Postgres refuses the strange zones that some cameras write."""
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError:
        return None  # a day before year 1 or after year 9999
