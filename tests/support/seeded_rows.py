"""Seeds two days at a car park, for which every question of docs/sql.md has an answer.

Photographs of two gates and a tunnel, read by two model versions, with failures, a replaced object
and a submission that is not through. Moments are written in Hong Kong time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa

from hkplates.database.reviews.reviews import record
from hkplates.database.schema.images import Image, Submission
from hkplates.database.schema.plates import EarlierVersion, ModelVersionRow, Plate
from hkplates.database.text import image_digest

HONG_KONG = timezone(timedelta(hours=8))
JULY, LORRIES = 1, 2
FIRST, SECOND = 1, 2  # model versions
BOX = [100.0, 200.0, 120.0, 30.5]
QUAD = [[100.0, 200.0], [220.0, 201.5], [219.0, 230.5], [100.5, 229.0]]


def at(text: str) -> datetime:
    """Parses a moment of July 2026 in Hong Kong: "15 08:02:11"."""
    return datetime.strptime(f"2026-07-{text}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=HONG_KONG)


@dataclass(frozen=True)
class SeededPlate:
    """A plate as it was read."""

    mark: str
    text: str
    confidence: float
    series: str = "usual"
    region: str = "HK"
    rows: int = 1
    colour: str = "white"
    candidates: tuple[tuple[str, float], ...] = ()
    version: int = SECOND
    character_confidences: tuple[float, ...] = ()
    pattern: str | None = None


@dataclass(frozen=True)
class SeededPhoto:
    """An image of the archive; taken where and when its key says, which not every camera notes."""

    key: str
    plates: tuple[SeededPlate, ...] = ()
    minute: str = "09:01"  # of the 16th, when it ended
    state: str = "done"
    reason: str | None = None
    detail: str | None = None
    version: int | None = SECOND
    etag: str = "e1"
    superseded: bool = False
    submission: int = JULY
    attempts: int = 1
    returns: int = 0
    milliseconds: int = 90
    dated: bool = True


AB1234 = SeededPlate("AB1234", "AB 1234", 0.98)
REAR = {"colour": "yellow"}
FAILED: dict[str, Any] = {"state": "failed", "version": None}
UNDECODABLE = {**FAILED, "reason": "undecodable", "detail": "the bytes are no image"}
LORRY: dict[str, Any] = {"submission": LORRIES, "version": None, "attempts": 0}

PHOTOS = (
    SeededPhoto("gate-north/15/080211.jpg", (AB1234,)),
    SeededPhoto("gate-south/15/084530.jpg", (SeededPlate("AB1234", "AB 1234", 0.97, **REAR),)),
    SeededPhoto("gate-north/15/181000.jpg", (SeededPlate("AB1234", "AB 1234", 0.95, **REAR),)),
    SeededPhoto(
        "gate-north/15/081500.jpg",
        (SeededPlate("KL77", "KL 77", 0.99, version=FIRST),),
        version=FIRST,
    ),
    SeededPhoto("gate-north/15/093000.jpg", (SeededPlate("KL77", "KL 77", 0.93, rows=2, **REAR),)),
    SeededPhoto(
        "tunnel/15/082000.jpg",
        (
            SeededPlate("FU1234", "FU 1234", 0.96, "cross_boundary"),
            SeededPlate("", "粤Z·1234港", 0.71, "unknown", "CN", colour="other"),
        ),
        "09:02",
    ),
    SeededPhoto(
        "tunnel/15/083000.jpg",
        (SeededPlate("N1CECAR", "NICECAR", 0.91, "personalised"),),
        "09:02",
        milliseconds=140,
    ),
    SeededPhoto(
        "gate-south/16/071500.jpg",
        (
            SeededPlate(
                "SB888",
                "SB 888",
                0.52,
                candidates=(("S8 888", 0.21),),
                character_confidences=(0.99, 0.52, 0.99, 0.99, 0.99),
            ),
            SeededPlate("S8888", "S8 888", 0.47, "unknown", version=FIRST),
        ),
        "09:02",
    ),
    SeededPhoto(
        "gate-south/16/072000.jpg",
        (
            SeededPlate(
                "DE5678",
                "DE 5678",
                0.48,
                candidates=(("DE 6678", 0.45), ("OE 5678", 0.02)),
                character_confidences=(0.95, 0.99, 0.51, 0.99, 0.99, 0.98),
            ),
        ),
        "09:03",
        milliseconds=310,
    ),
    SeededPhoto("gate-south/16/073000.jpg", minute="09:03"),
    SeededPhoto(
        "gate-south/16/073500.jpg",
        (SeededPlate("XR746", "XR746", 0.49, "unknown", pattern="XR746?"),),
        "09:03",
    ),
    SeededPhoto("tunnel/16/090000.jpg", (SeededPlate("AG5555", "AG 5555", 0.99),), "09:04"),
    SeededPhoto("tunnel/16/090500.jpg", (SeededPlate("", "", 0.2, "unknown", "other"),), "09:04"),
    SeededPhoto(
        "tunnel/16/091000.jpg",
        minute="09:04",
        reason="missing",
        detail="tunnel/16/091000.jpg in the bucket car-park is not there any more",
        **FAILED,
    ),
    SeededPhoto("tunnel/16/091100.jpg", minute="09:04", **UNDECODABLE),
    SeededPhoto("tunnel/16/091200.jpg", minute="09:04", **UNDECODABLE),
    SeededPhoto(
        "tunnel/16/091300.jpg",
        minute="09:05",
        state="quarantined",
        version=None,
        reason="timed_out",
        detail="three attempts took longer than they may",
        attempts=3,
    ),
    SeededPhoto(
        "gate-south/15/120000.jpg", (SeededPlate("MK9999", "MK 9999", 0.9),), superseded=True
    ),
    SeededPhoto(
        "gate-south/15/120000.jpg",
        (SeededPlate("HX123", "HX 123", 0.94),),
        "09:05",
        etag="e2",
        dated=False,
    ),
    SeededPhoto("lorries/16/100000.jpg", state="queued", **{**LORRY, "attempts": 2}, returns=3),
    SeededPhoto("lorries/16/100100.jpg", state="pending", returns=1, **LORRY),
    SeededPhoto("lorries/16/100200.jpg", state="pending", **LORRY),
)
# Photographs that the first version had read before the second; None where it found nothing.
EARLIER_READINGS = {
    "gate-north/15/080211.jpg": AB1234,
    "tunnel/15/083000.jpg": None,
    "gate-south/16/071500.jpg": None,  # its plate of that version stands with the photograph
}
# By the mark that the second version read.
REVIEWS: dict[str, dict[str, Any]] = {
    "HX123": {"verdict": "corrected", "text": "HX 128", "reviewer": "ada"},
    "KL77": {"verdict": "accepted", "reviewer": "bo"},
    "": {"verdict": "not_a_plate", "reviewer": "ada", "note": "a shop sign"},
}


def seed_rows(engine: sa.Engine) -> None:
    """Inserts it all into an empty, migrated database."""
    with engine.begin() as connection:
        connection.execute(sa.insert(ModelVersionRow), _versions())
        connection.execute(sa.insert(Submission), _submissions())
        for number, photo in enumerate(PHOTOS, 1):
            connection.execute(sa.insert(Image), _image(photo))
            for position, plate in enumerate(photo.plates):
                connection.execute(sa.insert(Plate), plate_row(number, position, plate))
            if photo.key in EARLIER_READINGS:
                connection.execute(sa.insert(EarlierVersion), _earlier(number))
                if before := EARLIER_READINGS[photo.key]:
                    row = plate_row(number, 0, before) | {"model_version_id": FIRST}
                    connection.execute(sa.insert(Plate), row)
    seed_reviews(engine)


def seed_reviews(engine: sa.Engine) -> None:
    """Records reviews of some plates, a quarter of an hour after the other."""
    dated = sa.text("UPDATE reviews SET reviewed_at = :at WHERE id = :id")
    for number, (mark, review) in enumerate(REVIEWS.items()):
        with engine.connect() as connection:
            query = sa.select(Plate.id).where(Plate.mark == mark, Plate.model_version_id == SECOND)
            plate_id = connection.execute(query.where(Plate.region != "CN")).scalar_one()
        entered = record(engine, plate_id, **review)
        moment = at("16 14:00:00") + timedelta(minutes=15 * number)
        with engine.begin() as connection:
            connection.execute(dated, {"at": moment, "id": entered.id})


def _versions() -> list[dict[str, Any]]:
    return [
        {
            "detector": "3f9a6c20",
            "reader": reader,
            "config": {"threshold": 0.4},
            "digest": bytes([number]) * 32,
            "created_at": created,
        }
        for number, reader, created in (
            (FIRST, "neural 1", at("15 20:00:00")),
            (SECOND, "neural 2", at("16 08:55:00")),
        )
    ]


def _submissions() -> list[dict[str, Any]]:
    return [
        {
            "source": "s3://car-park/",
            "name": "july",
            "state": "finished",
            "skipped": 4,
            "created_at": at("16 09:00:00"),
            "finished_at": at("16 09:05:30"),
        },
        {
            "source": "s3://car-park/lorries/",
            "name": None,
            "state": "running",
            "skipped": 0,
            "created_at": at("16 11:00:00"),
            "finished_at": None,
        },
    ]


def _image(photo: SeededPhoto) -> dict[str, Any]:
    _, day, name = photo.key.split("/")
    hours = f"{name[:2]}:{name[2:4]}:{name[4:6]}"
    done, ended = photo.state == "done", photo.state not in ("pending", "queued")
    return {
        "submission_id": photo.submission,
        "store": "s3",
        "bucket": "car-park",
        "key": photo.key,
        "etag": photo.etag,
        "size": 250_000,
        "digest": image_digest("s3", "car-park", photo.key, photo.etag),
        "state": photo.state,
        "attempts": photo.attempts,
        "leased_until": at("16 11:20:00") if photo.state == "queued" else None,
        "reason": photo.reason,
        "detail": photo.detail,
        "width": 1920 if done else None,
        "height": 1080 if done else None,
        "taken_at": at(f"{day} {hours}") if done and photo.dated else None,
        "model_version_id": photo.version,
        "processed_at": at(f"16 {photo.minute}:20") if ended else None,
        "milliseconds": photo.milliseconds if done else None,
        "superseded": photo.superseded,
        "returns": photo.returns,
    }


def plate_row(image_id: int, position: int, plate: SeededPlate) -> dict[str, Any]:
    """Returns a row of plates."""
    return {
        "image_id": image_id,
        "model_version_id": plate.version,
        "position": position,
        "mark": plate.mark,
        "text": plate.text,
        "series": plate.series,
        "region": plate.region,
        "rows": plate.rows,
        "colour": plate.colour,
        "confidence": plate.confidence,
        "character_confidences": list(
            plate.character_confidences or [0.99] * len(plate.text.replace(" ", ""))
        ),
        "candidates": [{"text": text, "confidence": sure} for text, sure in plate.candidates],
        "box": BOX,
        "quad": QUAD,
        "detector_score": 0.875,
        "reader": "neural",
        "pattern": plate.pattern,
    }


def _earlier(image_id: int) -> dict[str, Any]:
    return {
        "image_id": image_id,
        "model_version_id": FIRST,
        "processed_at": at("15 21:00:00"),
    }
