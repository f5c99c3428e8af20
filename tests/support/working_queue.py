"""A queue that works what it is sent, a screen that remembers, and a clock: a submission without
processes."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from hkplates.database.ledger.claims import Claims
from hkplates.database.results.save import ImageDone, ImageFailed, Outcome, Results
from hkplates.errors import (
    BrokerUnreachable,
    ImageRejected,
)
from hkplates.jobs import Chunk, ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.storage.folder import FolderStore
from producer.progress import ProgressSnapshot


@dataclass
class Screen:
    """Remembers what was shown."""

    said: list[str] = field(default_factory=list)
    shown: list[ProgressSnapshot] = field(default_factory=list)

    def due(self) -> bool:
        return True

    def show(self, snapshot: ProgressSnapshot) -> None:
        self.shown.append(snapshot)

    def print_message(self, message: str) -> None:
        self.said.append(message)

    def wait_at_least(self, seconds: float) -> None:
        """Tests count as often as they like."""

    def close(self) -> None:
        """Nothing to give back."""


@dataclass
class WorkingQueue:
    """A broker and a worker in one: what is sent is worked when the queue is next looked at."""

    engine: sa.Engine
    works: bool = True
    faults: int = 0
    queue: list[Chunk] = field(default_factory=list)
    longest: int = 0
    connected: int | None = 1

    def image_ids(self) -> set[int]:
        return {image.id for chunk in self.queue for image in chunk.images}

    def queue_length(self) -> int:
        if self.faults:
            self.faults -= 1
            raise BrokerUnreachable("Redis at nowhere does not serve us")
        while self.works and self.queue:
            self._work(self.queue.pop())
        return len(self.queue)

    def count_workers(self) -> int | None:
        return self.connected

    def send(self, chunk: Chunk) -> None:
        self.queue.append(chunk)
        self.longest = max(self.longest, len(self.queue))

    def _work(self, chunk: Chunk) -> None:
        results = Results(self.engine)
        version = results.register_model(ModelVersion("d", "r", {}))
        images = Claims(self.engine).claim(chunk.images, 60)
        results.save(version, [self.outcome(image) for image in images])

    def outcome(self, image: ImageRef) -> Outcome:
        try:
            FolderStore().read(image.bucket, image.key, image.etag, limit=1000)
        except ImageRejected as error:
            return ImageFailed(image, error.reason, str(error))
        return ImageDone(image, 10, 10, None, 1, ())


@dataclass
class Clock:
    """Time that passes only while the program sleeps."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now > 1000:
            raise TimeoutError("the submission never ends")
