"""One chunk, from references to rows, in plain Python: no Celery, no SQL, no S3.

What becomes of an image whose processing goes wrong:

- the image is at fault (ImageRejected): saved as failed, with its reason. Never tried again by
  itself.
- a service is away (TemporaryFault) or this machine is not in order (SetupError): tried again
  after growing pauses, then handed back to the ledger as pending, with all of the chunk that was
  not begun. The try does not count.
- anything else, a crash of the process or a time limit included, is a fault of ours or an image
  that breaks us. It is raised once the images before it are safe, and the message goes back to the
  queue. A message that comes back is worked one image at a time, so that the others are saved and
  the breaker is met alone; the ledger counts each time it is begun and quarantines it after the
  third. So nothing is lost, and nothing goes round for ever.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

import structlog

from hkplates.database.results import ImageDone, ImageFailed, Outcome
from hkplates.errors import ImageRejected, SetupError, StoreUnreachable, TemporaryFault
from hkplates.jobs import Chunk, ImageRef, StoreKind
from hkplates.recognition.images import decode
from hkplates.recognition.types import Found, Photo, PlateReading
from hkplates.storage.base import Store
from workers.patience import Patience

log = structlog.get_logger()

GROUP = 24
"""Images of a chunk worked together: their plates are read in one call, and saved in one go."""


class Recogniser(Protocol):
    """What the pipeline needs of hkplates.recognition.recogniser.Recogniser."""

    def find(self, photo: Photo) -> list[Found]: ...
    def read(self, found: Sequence[Found]) -> list[PlateReading]: ...


class Ledger(Protocol):
    """What the pipeline needs of hkplates.database.ledger.Ledger."""

    def claim(self, refs: Sequence[ImageRef], lease_seconds: float) -> list[ImageRef]: ...
    def hand_back(self, image_ids: Sequence[int]) -> int: ...


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


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An image whose plates are found and not read yet: crops, not the photograph's pixels."""

    image: ImageRef
    width: int
    height: int
    taken_at: datetime | None
    seconds: float
    found: list[Found]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An image that a fault of a service or of this machine kept from being looked at."""

    image: ImageRef
    fault: TemporaryFault | SetupError


class Pipeline:
    """Works chunks; one per process, not for two threads at once."""

    def __init__(
        self,
        stores: Mapping[StoreKind, Store],
        recogniser: Recogniser,
        ledger: Ledger,
        save: Callable[[Sequence[Outcome]], None],
        limits: Limits,
        patience: Patience | None = None,
    ) -> None:
        self._stores = stores
        self._recogniser = recogniser
        self._ledger = ledger
        self._save = save
        self._limits = limits
        self._patience = patience or Patience()
        self._threads = ThreadPoolExecutor(limits.fetch_threads, "fetch")

    def process(self, chunk: Chunk, *, one_at_a_time: bool) -> None:
        """Bring every image of the chunk to an end, or back to the ledger.

        Raises:
            DatabaseUnreachable: the ledger could not be asked or told; send the message again.
        """
        began = time.monotonic()
        until = began + self._limits.chunk_seconds
        rest, size = list(chunk.images), 1 if one_at_a_time else GROUP
        ends: Counter[str] = Counter()
        while rest and not ends["handed_back"] and time.monotonic() < until:
            group, rest = rest[:size], rest[size:]
            ends += self._work(group, until)
        if rest:
            # Waiting once for what is away is enough: once for each image would take hours.
            ends += self._leave(rest)
        seconds = round(time.monotonic() - began, 3)
        log.info("chunk_done", images=len(chunk.images), seconds=seconds, **ends)

    def _work(self, images: Sequence[ImageRef], until: float) -> Counter[str]:
        """Claim images and work them; what is not ours to work is left alone."""
        left = self._claim(images)
        ends = Counter(skipped=len(images) - len(left))
        waiting: list[ImageRef] = []
        try:
            for number in self._patience.tries() if left else ():
                waiting = []
                outcomes, faults = self._round(left, until)
                ends.update("done" if isinstance(end, ImageDone) else "failed" for end in outcomes)
                left = waiting = [one.image for one in faults]
                if not left:
                    break
                fault = str(faults[0].fault)
                log.warning("images_waiting", images=len(left), tries=number, fault=fault)
                if time.monotonic() > until:
                    break
        finally:
            # Also where a time limit ends the wait: that is not these images' fault.
            self._hand_back(waiting)
        ends["handed_back"] = len(waiting)
        return ends

    def _leave(self, images: Sequence[ImageRef]) -> Counter[str]:
        """Hand images back that were not begun; claimed first, for a forged message names any."""
        left = self._claim(images)
        self._hand_back(left)
        return Counter(skipped=len(images) - len(left), handed_back=len(left))

    def _claim(self, images: Sequence[ImageRef]) -> list[ImageRef]:
        return self._patience.insist(lambda: self._ledger.claim(images, self._limits.lease_seconds))

    def _hand_back(self, images: Sequence[ImageRef]) -> None:
        if images:
            self._patience.insist(lambda: self._ledger.hand_back([image.id for image in images]))
            log.error("images_handed_back", images=len(images))

    def _round(
        self, images: Sequence[ImageRef], until: float
    ) -> tuple[list[Outcome], list[Waiting]]:
        """Try each image once and save what came of it; those that must wait are returned."""
        until = min(until, time.monotonic() + self._limits.fetch_seconds)
        with closing(self._fetch(images)) as fetched:
            looks = [self._look(image, data, until) for image, data in fetched]
        waiting = [look for look in looks if isinstance(look, Waiting)]
        outcomes: list[Outcome] = [look for look in looks if isinstance(look, ImageFailed)]
        seen = [look for look in looks if isinstance(look, Seen)]
        try:
            outcomes += self._read(seen)
        except SetupError as fault:
            waiting += [Waiting(look.image, fault) for look in seen]
        if outcomes:
            self._patience.insist(lambda: self._save(outcomes))
        for outcome in outcomes:
            _tell(outcome)
        return outcomes, waiting

    def _fetch(
        self, images: Sequence[ImageRef]
    ) -> Generator[tuple[ImageRef, Future[bytes]], None, None]:
        """Each image with its bytes to come; only some are fetched ahead, to bound the memory."""
        rest = iter(images)
        ahead = deque((image, self._begin(image)) for image in islice(rest, self._ahead))
        try:
            while ahead:
                yield ahead.popleft()
                ahead.extend((image, self._begin(image)) for image in islice(rest, 1))
        finally:
            # A chunk that is broken off must not keep the next one's images waiting.
            for _, data in ahead:
                data.cancel()

    @property
    def _ahead(self) -> int:
        return 2 * self._limits.fetch_threads

    def _begin(self, image: ImageRef) -> Future[bytes]:
        store, limit = self._stores[image.store], self._limits.max_image_bytes
        return self._threads.submit(store.read, image.bucket, image.key, image.etag, limit=limit)

    def _look(
        self, image: ImageRef, data: Future[bytes], until: float
    ) -> Seen | ImageFailed | Waiting:
        """Look at one image; whatever is logged meanwhile names it."""
        with structlog.contextvars.bound_contextvars(image=image.id, key=image.key):
            try:
                return self._see(image, _arrived(data, until))
            except ImageRejected as error:
                return ImageFailed(image, error.reason, str(error))
            except (TemporaryFault, SetupError) as fault:
                return Waiting(image, fault)
            except Exception as error:
                # What it was is logged with the chunk, where nobody knows the image any more.
                log.error("image_broke_us", error=type(error).__name__)
                raise

    def _see(self, image: ImageRef, data: bytes) -> Seen:
        """Decode and detect, keeping the crops alone: 12 megapixels are 36 MB."""
        began = time.monotonic()
        photograph = decode(data, max_pixels=self._limits.max_image_pixels)
        found = self._recogniser.find(photograph.pixels)
        height, width = photograph.pixels.shape[:2]
        seconds = time.monotonic() - began
        return Seen(image, width, height, photograph.taken_at, seconds, found)

    def _read(self, seen: Sequence[Seen]) -> list[ImageDone]:
        """Read the crops of all images in one call, and give each image its own back."""
        if not seen:
            return []
        crops = [found for look in seen for found in look.found]
        began = time.monotonic()
        plates = iter(self._recogniser.read(crops) if crops else [])
        share = (time.monotonic() - began) / max(1, len(crops))
        return [_done(look, tuple(islice(plates, len(look.found))), share) for look in seen]


def _arrived(data: Future[bytes], until: float) -> bytes:
    """Bytes that were asked for; a store that only trickles must not look like a bad image."""
    try:
        return data.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        data.cancel()
        raise StoreUnreachable("the store is too slow: an image did not arrive in time") from None


def _done(look: Seen, plates: tuple[PlateReading, ...], seconds_a_plate: float) -> ImageDone:
    milliseconds = round(1000 * (look.seconds + seconds_a_plate * len(plates)))
    return ImageDone(look.image, look.width, look.height, look.taken_at, milliseconds, plates)


def _tell(outcome: Outcome) -> None:
    image = {"image": outcome.image.id, "key": outcome.image.key}
    if isinstance(outcome, ImageDone):
        plates, milliseconds = len(outcome.plates), outcome.milliseconds
        log.info("image_done", plates=plates, milliseconds=milliseconds, **image)
    else:
        log.warning("image_failed", reason=outcome.reason, detail=outcome.detail, **image)
