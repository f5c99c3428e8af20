"""Helpers for tests of the ledger: listings, a worker in two lines, SQL, and threads that race."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from hkplates.database.ledger.claims import Claims
from hkplates.database.ledger.control import Control
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.ledger.intake import Intake
from hkplates.database.ledger.listed_images import Added
from hkplates.database.results.save import ImageDone, ImageFailed, Results
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.storage.base import Entry


class Ledger:
    """The four roles of the ledger on one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.intake, self.dispatch = Intake(engine), Dispatch(engine)
        self.claims, self.control = Claims(engine), Control(engine)


SOURCE, BUCKET = "s3://car-park/2026", "car-park"
VERSION = ModelVersion("d", "r", {})


def keys(count: int, first: int = 0) -> list[Entry]:
    return [Entry(f"a/{number:05}.jpg", "e1", 10) for number in range(first, first + count)]


def submit(ledger: Ledger, entries: Sequence[Entry], source: str = SOURCE) -> int:
    """Lists a whole source; returns the id of its submission."""
    submission = ledger.intake.open_submission(source)
    ledger.intake.add_images(submission.id, "s3", BUCKET, entries)
    ledger.intake.listing_finished(submission.id)
    return submission.id


def add(ledger: Ledger, submission_id: int, entries: Sequence[Entry], to: str) -> Added:
    return ledger.intake.add_images(submission_id, "s3", BUCKET, entries, listed_to=to)


def take(ledger: Ledger, limit: int = 1000) -> list[ImageRef]:
    """Sends images and claims them at once."""
    return ledger.claims.claim(ledger.dispatch.take_pending(limit, 600), 600)


def save_done(engine: sa.Engine, images: Sequence[ImageRef]) -> None:
    results = Results(engine)
    version = results.register_model(VERSION)
    results.save(version, [ImageDone(image, 9, 9, None, 1, ()) for image in images])


def save_failed(engine: sa.Engine, images: Sequence[ImageRef], reason: str = "missing") -> None:
    results = Results(engine)
    version = results.register_model(VERSION)
    results.save(version, [ImageFailed(image, reason, f"it is {reason}") for image in images])


def execute(engine: sa.Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def column(engine: sa.Engine, query: str) -> list[object]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


def states(engine: sa.Engine) -> Counter[object]:
    """Counts images by state."""
    return Counter(column(engine, "SELECT state FROM images"))


def state_of(engine: sa.Engine, submission_id: int) -> object:
    query = sa.text("SELECT state FROM submissions WHERE id = :id")
    with engine.connect() as connection:
        return connection.execute(query, {"id": submission_id}).scalar_one()


def at_once(*works: Callable[[], object]) -> None:
    """Runs all of these at the same moment, and raises what any of them raises."""
    ready = threading.Barrier(len(works))

    def start(work: Callable[[], object]) -> None:
        ready.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(start, works))
