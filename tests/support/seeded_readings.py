"""Seeds plates as a reader may have read them, for the tests of the search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hkplates.database.schema.images import Image, Submission
from hkplates.database.schema.plates import ModelVersionRow, Plate
from hkplates.database.text import image_digest

DETECTOR_SCORE = 0.96
OLD, NEW = 1, 2  # model versions


@dataclass(frozen=True)
class Reading:
    """A plate on a photograph of its own.

    `characters` are the probabilities of its characters, filled evenly where none are given.
    """

    mark: str
    reader_confidence: float = 0.9
    characters: tuple[float, ...] = ()
    candidates: tuple[tuple[str, float], ...] = ()
    key: str = ""
    taken_at: datetime | None = None
    superseded: bool = False
    version: int = NEW
    current_version: int = NEW
    pattern: str | None = None

    @property
    def confidence(self) -> float:
        return DETECTOR_SCORE * self.reader_confidence

    @property
    def character_probabilities(self) -> tuple[float, ...]:
        return self.characters or (self.reader_confidence ** (1 / max(1, len(self.mark))),) * len(
            self.mark
        )


def seed_readings(engine: sa.Engine, readings: Sequence[Reading]) -> list[int]:
    """Inserts rows for them all; returns the plates' ids, in order."""
    with engine.begin() as connection:
        if not connection.execute(sa.select(sa.func.count(Submission.id))).scalar_one():
            connection.execute(sa.insert(Submission).values(source="s3://car-park/"))
            versions = [
                {"detector": "d", "reader": f"r{n}", "config": {}, "digest": bytes([n]) * 32}
                for n in (OLD, NEW)
            ]
            connection.execute(sa.insert(ModelVersionRow), versions)
        first = connection.execute(sa.select(sa.func.count(Image.id))).scalar_one() + 1
        images = [_image(first + n, reading) for n, reading in enumerate(readings)]
        connection.execute(sa.insert(Image), images)
        connection.execute(
            sa.insert(Plate), [_plate(first + n, reading) for n, reading in enumerate(readings)]
        )
    return list(range(first, first + len(readings)))


def _image(number: int, reading: Reading) -> dict[str, object]:
    key = reading.key or f"{number:06}.jpg"
    return {
        "submission_id": 1,
        "store": "s3",
        "bucket": "car-park",
        "key": key,
        "etag": str(number),
        "size": 1,
        "digest": image_digest("s3", "car-park", key, str(number)),
        "state": "done",
        "model_version_id": reading.current_version,
        "taken_at": reading.taken_at,
        "superseded": reading.superseded,
    }


def _plate(number: int, reading: Reading) -> dict[str, object]:
    return {
        "image_id": number,
        "model_version_id": reading.version,
        "position": 0,
        "mark": reading.mark,
        "text": f"{reading.mark[:2]} {reading.mark[2:]}".strip(),
        "series": "usual",
        "region": "HK",
        "rows": 1,
        "colour": "white",
        "confidence": reading.confidence,
        "character_confidences": list(reading.character_probabilities),
        "candidates": [
            {"text": text, "confidence": confidence} for text, confidence in reading.candidates
        ],
        "box": [0.0] * 4,
        "quad": [[0.0, 0.0]] * 4,
        "detector_score": DETECTOR_SCORE,
        "reader": "neural",
        "pattern": reading.pattern,
    }
