"""What the pipeline knows while it works one chunk, and what it is told from outside."""

import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from hkplates.errors import SetupError, TemporaryFault
from hkplates.jobs import ImageRef
from hkplates.recognition.types import Found
from workers.chunk.failure_kinds import is_soft_time_limit


@dataclass(frozen=True, slots=True)
class Limits:
    """What one chunk may take."""

    lease_seconds: float
    fetch_threads: int
    max_image_bytes: int
    max_image_pixels: int
    fetch_seconds: float = 90.0
    """How long the images of a group may take to arrive."""
    chunk_seconds: float = 120.0
    """After which a chunk waits for no store and begins no further group. What is then in hand,
    and the database's patience, fit between this and the soft time limit."""


@dataclass(frozen=True, slots=True)
class WorkerSignals:
    """What a process is told by its worker, and tells it."""

    should_stop: Callable[[], bool] = lambda: False
    """Whether the worker was asked to end: finish the image in hand, begin no other."""
    set_current: Callable[[int], None] = lambda image_id: None
    """Told which image is being looked at, 0 for none: what kills the process is its doing."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectedImage:
    """An image whose plates are found and not read yet: crops, not the photograph's pixels."""

    image: ImageRef
    width: int
    height: int
    taken_at: datetime | None
    seconds: float
    found: list[Found]


@dataclass(frozen=True, slots=True)
class DeferredImage:
    """An image that a fault of a service or of this machine kept from being looked at."""

    image: ImageRef
    fault: TemporaryFault | SetupError


@dataclass(frozen=True, slots=True)
class CrashedImage:
    """An image that broke us, and how."""

    image: ImageRef
    error: Exception


@dataclass(slots=True)
class ChunkState:
    """One chunk on its way. It is over for all of its images where a service is away or the time
    is up; an image that breaks us is passed by."""

    seconds: float
    began: float = field(default_factory=time.monotonic)
    tally: Counter[str] = field(default_factory=Counter)
    errors: list[Exception] = field(default_factory=list)
    """Where there are any, the message goes back to the queue, and with it all that is queued."""
    untouched: list[ImageRef] = field(default_factory=list)
    """Claimed and not begun."""
    timed_out: bool = False
    """The soft time limit has struck."""

    @property
    def deadline(self) -> float:
        return self.began + self.seconds

    def record_error(self, error: Exception) -> None:
        """Note what an image broke us with, but let go of what its frames hold, and those of the
        errors that led to it: one that took all memory would leave none to its mates."""
        led: BaseException | None = error
        while led is not None:
            traceback.clear_frames(led.__traceback__)
            led = led.__cause__ or led.__context__
        self.errors.append(error)
        self.timed_out = self.timed_out or is_soft_time_limit(error)

    @property
    def service_away(self) -> bool:
        """Waiting once for what is away is enough: once for each image would take hours."""
        return self.tally["handed_back"] > 0

    @property
    def over(self) -> bool:
        return self.service_away or self.timed_out or time.monotonic() >= self.deadline
