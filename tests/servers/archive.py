"""An archive of photographs that model versions read, in rows alone: no file, no worker."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa
from servers.ledgers import Ledger

from hkplates.database.ledger.reprocess import ReprocessFilter, Reprocessing
from hkplates.database.results.save import ImageDone, ImageFailed, Outcome, Results
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.recognition.types import PlateReading, Quad
from hkplates.storage.base import Entry

BUCKET = "car-park"
Plates = Sequence[PlateReading]


def quad(left: float, top: float = 20, width: float = 100, height: float = 30) -> Quad:
    right, bottom = left + width, top + height
    return Quad((left, top), (right, top), (right, bottom), (left, bottom))


PLATE = PlateReading(
    mark="AB1234",
    text="AB 1234",
    region="HK",
    series="usual",
    rows=1,
    colour="white",
    confidence=0.75,
    character_confidences=(0.75,) * 6,
    candidates=(),
    quad=quad(10),
    detector_score=0.875,
    reader="neural",
)


def plate(mark: str, confidence: float = 0.75, left: float = 10, **more: object) -> PlateReading:
    """Returns a plate at a place. A confidence that is a sum of powers of two stays as it is."""
    return replace(
        PLATE,
        mark=mark,
        text=mark,
        confidence=confidence,
        quad=quad(left),
        **more,  # type: ignore[arg-type]
    )


class Archive:
    """Photographs `s3://car-park/KEY` and what was read on them."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.ledger, self.results = Ledger(engine), Results(engine)

    def version(self, name: str) -> int:
        """Registers a model version of this name; returns its id."""
        return self.results.register_model(ModelVersion(name, f"reader of {name}", {}))

    def submit(self, *keys: str, source: str = "s3://car-park") -> int:
        """Makes photographs rows of a submission that is listed to the end; returns its id."""
        number = self.ledger.intake.open_submission(source).id
        entries = [Entry(key, "e", 9) for key in keys]
        self.ledger.intake.add_images(number, "s3", BUCKET, entries)
        self.ledger.intake.listing_finished(number)
        return number

    def read(self, version: int, plates: Mapping[str, Plates]) -> None:
        """Has a worker of this version read what is pending; what has no plates here fails."""
        claimed = self.claim()
        self.results.save(version, [_outcome(image, plates) for image in claimed])
        self.ledger.dispatch.finish_submissions()

    def claim(self) -> list[ImageRef]:
        """Claims all that is pending."""
        return self.ledger.claims.claim(self.ledger.dispatch.take_pending(10_000, 600), 600)

    def read_first(self, version: int, plates: Mapping[str, Plates]) -> int:
        """Submits photographs and reads them; returns the submission's id."""
        number = self.submit(*plates)
        self.read(version, plates)
        return number

    def read_again(self, version: int, plates: Mapping[str, Plates]) -> int:
        """Has all photographs read by another version; returns the submission's id."""
        number = self.ledger.intake.open_submission("reprocess --all").id
        choice = Reprocessing(self.engine, ReprocessFilter(), version)
        for batch in choice.batches(number):
            choice.take(number, batch)
        self.ledger.intake.listing_finished(number)
        self.read(version, plates)
        return number

    def states(self) -> dict[str, tuple[str, int | None]]:
        """Returns state and current model version, by key."""
        rows = self.rows("SELECT key, state, model_version_id FROM images ORDER BY key")
        return {key: (state, version) for key, state, version in rows}

    def seen(self) -> list[tuple[str, str, int]]:
        """Returns key, mark and model version of each sighting."""
        rows = self.rows("SELECT key, mark, model_version_id FROM sightings ORDER BY 1, position")
        return [(key, mark, version) for key, mark, version in rows]

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def change(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)


def _outcome(image: ImageRef, plates: Mapping[str, Plates]) -> Outcome:
    if image.key not in plates:
        return ImageFailed(image, "missing", "it is gone")
    return ImageDone(image, 640, 480, None, 9, tuple(plates[image.key]))
