"""The state of one chunk in the pipeline, its limits, and the signals of the worker around it."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from hkplates.database.results.save import ImageDone
from hkplates.errors import SetupError, TemporaryFault
from hkplates.jobs import ImageRef
from hkplates.recognition.types import DetectedPlate, PlateReading
from workers.chunk.failure_kinds import is_soft_time_limit


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of time, threads, bytes and pixels of one chunk."""

    lease_seconds: float
    fetch_threads: int
    max_image_bytes: int
    max_image_pixels: int
    fetch_seconds: float = 90.0
    """The longest that the images of a group may take to arrive."""
    chunk_seconds: float = 120.0
    """Time after which a chunk waits for no store and begins no further group. The image in hand,
    and the retries of the database, fit between this and the soft time limit."""


@dataclass(frozen=True, slots=True)
class WorkerSignals:
    """The signals between a process and its worker."""

    should_stop: Callable[[], bool] = lambda: False
    """Returns True once the worker was asked to end: finish the image in hand, begin no other."""
    set_current: Callable[[int], None] = lambda image_id: None
    """Receives the id of the image being processed, 0 for none."""

    @contextmanager
    def processing(self, image: ImageRef) -> Iterator[None]:
        """Marks an image as current: whatever kills the process within, it is the cause."""
        self.set_current(image.id)
        try:
            yield
        finally:
            self.set_current(0)


@dataclass(frozen=True, slots=True, eq=False)
class DetectedImage:
    """An image whose plates are detected and not read yet: crops, not the photograph's pixels."""

    image: ImageRef
    width: int
    height: int
    taken_at: datetime | None
    seconds: float
    """Time taken to decode and detect."""
    found: list[DetectedPlate]

    def done(self, plates: tuple[PlateReading, ...], seconds_per_plate: float) -> ImageDone:
        """Returns the outcome of this image once its plates are read."""
        milliseconds = round(1000 * (self.seconds + seconds_per_plate * len(plates)))
        size = self.width, self.height
        return ImageDone(self.image, *size, self.taken_at, milliseconds, plates)


@dataclass(frozen=True, slots=True)
class DeferredImage:
    """An image that a fault of a service or of this machine kept from being processed."""

    image: ImageRef
    fault: TemporaryFault | SetupError


@dataclass(frozen=True, slots=True)
class CrashedImage:
    """An image whose processing crashed, and the error."""

    image: ImageRef
    error: Exception


@dataclass(slots=True)
class ChunkState:
    """The progress of one chunk.

    It is over for all of its images where a service is away or the time is up; an image whose
    processing crashes is passed by.
    """

    seconds: float
    began: float = field(default_factory=time.monotonic)
    tally: Counter[str] = field(default_factory=Counter)
    """Images by how they ended: done, failed, skipped or handed_back."""
    errors: list[Exception] = field(default_factory=list)
    """With any, the message goes back to the queue, and with it all images still queued."""
    untouched: list[ImageRef] = field(default_factory=list)
    """Images claimed and not begun."""
    timed_out: bool = False
    """True once the soft time limit has struck."""

    @property
    def deadline(self) -> float:
        """Seconds of time.monotonic after which no group begins."""
        return self.began + self.seconds

    def record_error(self, error: Exception) -> None:
        """Keeps the error of an image that crashed, and clears the frames of its whole chain.

        An image that took all memory would leave none to the others of its chunk.
        """
        link: BaseException | None = error
        while link is not None:
            traceback.clear_frames(link.__traceback__)
            link = link.__cause__ or link.__context__
        self.errors.append(error)
        self.timed_out = self.timed_out or is_soft_time_limit(error)

    @property
    def service_away(self) -> bool:
        """Returns whether images were handed back because a service is away.

        Waiting for it once is enough: once for each image would take hours.
        """
        return self.tally["handed_back"] > 0

    @property
    def over(self) -> bool:
        """Returns whether no further group may begin."""
        return self.service_away or self.timed_out or time.monotonic() >= self.deadline
