"""One chunk, from references to rows, in plain Python: no Celery, no SQL, no S3.

What becomes of an image whose processing goes wrong:

- the image is at fault (ImageRejected): saved as failed, with its reason. Never tried again by
  itself.
- a service is away (TemporaryFault) or this machine is not in order (SetupError): tried again
  after growing pauses, then handed back to the ledger as pending. The try does not count.
- anything else, a crash of the process or a time limit included, is a fault of ours or an image
  that breaks us. It is raised once the images before it are safe, and the message goes back to the
  queue. A message that comes back is worked one image at a time, so that the others are saved and
  the breaker is met alone; the ledger counts each time it is begun and quarantines it after the
  third. So nothing is lost, and nothing goes round for ever.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    """How long the images of a chunk may take to arrive; with pauses, below a soft time limit."""


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
        images = list(chunk.images)
        ends: Counter[str] = Counter()
        for group in [[image] for image in images] if one_at_a_time else [images]:
            ends += self._work(group)
        seconds = round(time.monotonic() - began, 3)
        log.info("chunk_done", images=len(images), seconds=seconds, **ends)

    def _work(self, images: Sequence[ImageRef]) -> Counter[str]:
        """Claim images and work them; what is not ours to work is left alone."""
        ends: Counter[str] = Counter()
        left = self._patience.insist(lambda: self._ledger.claim(images, self._limits.lease_seconds))
        ends["skipped"] = len(images) - len(left)
        for number in self._patience.tries() if left else ():
            outcomes, waiting = self._round(left)
            ends.update("done" if isinstance(end, ImageDone) else "failed" for end in outcomes)
            left = [one.image for one in waiting]
            if not left:
                break
            fault = str(waiting[0].fault)
            log.warning("images_waiting", images=len(left), tries=number, fault=fault)
        if left:
            self._patience.insist(lambda: self._ledger.hand_back([image.id for image in left]))
            log.error("images_handed_back", images=len(left))
        ends["handed_back"] = len(left)
        return ends

    def _round(self, images: Sequence[ImageRef]) -> tuple[list[Outcome], list[Waiting]]:
        """Try each image once and save what came of it; those that must wait are returned."""
        until = time.monotonic() + self._limits.fetch_seconds
        looks = [self._look(image, data, until) for image, data in self._fetch(images)]
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

    def _fetch(self, images: Sequence[ImageRef]) -> Iterator[tuple[ImageRef, Future[bytes]]]:
        """Each image with its bytes to come; only some are fetched ahead, to bound the memory."""
        rest = iter(images)
        ahead = deque((image, self._begin(image)) for image in islice(rest, self._ahead))
        while ahead:
            yield ahead.popleft()
            ahead.extend((image, self._begin(image)) for image in islice(rest, 1))

    @property
    def _ahead(self) -> int:
        return 2 * self._limits.fetch_threads

    def _begin(self, image: ImageRef) -> Future[bytes]:
        store, limit = self._stores[image.store], self._limits.max_image_bytes
        return self._threads.submit(store.read, image.bucket, image.key, image.etag, limit=limit)

    def _look(
        self, image: ImageRef, data: Future[bytes], until: float
    ) -> Seen | ImageFailed | Waiting:
        """Decode and detect one image, keeping its crops alone: 12 megapixels are 36 MB."""
        # Bound so that whatever goes wrong in here is logged with the image that was in hand.
        structlog.contextvars.bind_contextvars(image=image.id, key=image.key)
        try:
            fetched = _arrived(data, until)
            began = time.monotonic()
            photograph = decode(fetched, max_pixels=self._limits.max_image_pixels)
            found = self._recogniser.find(photograph.pixels)
        except ImageRejected as error:
            return ImageFailed(image, error.reason, str(error))
        except (TemporaryFault, SetupError) as fault:
            return Waiting(image, fault)
        height, width = photograph.pixels.shape[:2]
        seconds = time.monotonic() - began
        structlog.contextvars.unbind_contextvars("image", "key")
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
