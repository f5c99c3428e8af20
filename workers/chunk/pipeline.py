"""One chunk, from references to rows, in plain Python: no Celery, no SQL, no S3.

What becomes of an image whose processing goes wrong:

- the image is at fault (ImageRejected): saved as failed, with its reason. Never tried again by
  itself.
- a service is away (TemporaryFault) or this machine is not in order (SetupError): tried again
  after growing pauses, then handed back to the ledger as pending, to be sent again later, with all
  of the chunk that was not begun. The try does not count. An image that comes back for ever while
  its store serves others is at fault (workers/chunk/availability.py).
- the worker is asked to end: what is looked at is saved, and the rest handed back, to be sent again
  at once. Nothing counts.
- anything else, a crash of the process or a time limit included, is a fault of ours or an image
  that breaks us. The ledger notes what it was; the others of the chunk go on; and the message goes
  back to the queue. A message that comes back is worked one image at a time, and so is an image
  that was in trouble before. However often a group is broken off, that counts as one attempt of
  its images; each time an image is begun alone counts, and after the third it is quarantined. So
  nothing is lost, nothing goes round for ever, and nobody pays for a neighbour.

Either a message goes back, and the images that it names stay queued, or it is done with, and what
is left of it is pending: never both, or two workers would be at the same images.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, nullcontext
from itertools import islice

import structlog

from hkplates.database.results.save import ImageDone, ImageFailed, Outcome
from hkplates.errors import ImageRejected, SetupError, TemporaryFault
from hkplates.jobs import Chunk, ImageRef, StoreKind
from hkplates.recognition.images.decode import decode
from hkplates.recognition.types import PlateReading
from hkplates.retry import RetryPolicy
from hkplates.storage.base import Store
from workers.chunk.availability import UnavailableObjectProbe
from workers.chunk.failure_kinds import classify_failure, is_soft_time_limit
from workers.chunk.prefetch import Fetcher, ShuttingDown
from workers.chunk.protocols import ClaimsLedger, Recogniser
from workers.chunk.state import (
    ChunkState,
    CrashedImage,
    DeferredImage,
    DetectedImage,
    Limits,
    WorkerSignals,
)

log = structlog.get_logger()

GROUP_IMAGES = 24
"""Images of a chunk worked together: their plates are read in one call, and saved in one go."""


class Pipeline:
    """Works chunks; one per process, not for two threads at once."""

    def __init__(
        self,
        stores: Mapping[StoreKind, Store],
        recogniser: Recogniser,
        ledger: ClaimsLedger,
        save: Callable[[Sequence[Outcome]], None],
        limits: Limits,
        retry: RetryPolicy | None = None,
        signals: WorkerSignals | None = None,
    ) -> None:
        self._recogniser = recogniser
        self._ledger = ledger
        self._save_results = save
        self._limits = limits
        self._retry = retry or RetryPolicy()
        self._signals = signals or WorkerSignals()
        self._fetcher = Fetcher(
            stores, limits.fetch_threads, limits.max_image_bytes, self._signals.should_stop
        )
        self._availability = UnavailableObjectProbe(
            ledger, stores, limits, self._signals.should_stop
        )

    def process(self, chunk: Chunk, *, one_at_a_time: bool) -> None:
        """Bring every image of the chunk to an end, or back to the ledger.

        Raises:
            DatabaseUnreachable: the ledger could not be asked or told; send the message again.
            Exception: whatever an image broke us with, once the others are through; the same.
        """
        run = ChunkState(self._limits.chunk_seconds)
        groups = deque(_groups(chunk.images, 1 if one_at_a_time else GROUP_IMAGES))
        while groups and not run.over and not self._signals.should_stop():
            images = groups.popleft()
            # A group leaves out who was in trouble before: their turn comes, alone.
            groups.extend(
                [image] for image in self._process_group(images, run, alone=len(images) == 1)
            )
        if not run.errors:
            self._release_untouched([image for images in groups for image in images], run)
        seconds = round(time.monotonic() - run.began, 3)
        log.info("chunk_done", images=len(chunk.images), seconds=seconds, **run.tally)
        if run.errors:
            raise run.errors[0]

    def _process_group(
        self, images: Sequence[ImageRef], run: ChunkState, *, alone: bool
    ) -> list[ImageRef]:
        """Claim images and work them; those that were not claimed are returned."""
        claimed = self._claim(images, alone=alone)
        if claimed:
            self._process_with_retries(claimed, run, alone=alone)
        others = [image for image in images if image not in claimed]
        if alone:
            run.tally["skipped"] += len(others)
            return []
        return others

    def _process_with_retries(
        self, images: Sequence[ImageRef], run: ChunkState, *, alone: bool
    ) -> None:
        """Work images that are ours, again for as long as services are away and patience lasts."""
        waiting: list[DeferredImage] = []
        try:
            for number in self._retry.attempts():
                waiting = []
                waiting = self._attempt(images, run, alone=alone)
                images = [one.image for one in waiting]
                if not images:
                    break
                fault = str(waiting[0].fault)
                log.warning("images_waiting", images=len(images), tries=number, fault=fault)
                if run.timed_out or self._signals.should_stop() or time.monotonic() > run.deadline:
                    break
            waiting = self._end_unavailable(waiting, run)
        finally:
            # Also where a time limit ends the wait: that is not these images' fault.
            self._release([one.image for one in waiting], delay=not self._signals.should_stop())
        run.tally["handed_back"] += len(waiting)

    def _end_unavailable(
        self, waiting: Sequence[DeferredImage], run: ChunkState
    ) -> list[DeferredImage]:
        """End the images whose store will never serve them; the others."""
        if run.timed_out or self._signals.should_stop():
            return list(waiting)
        try:
            failed = self._availability.find_unavailable(waiting, run.deadline)
        except ShuttingDown:
            return list(waiting)
        self._save(failed, run)
        given_up = {one.image for one in failed}
        return [one for one in waiting if one.image not in given_up]

    def _release_untouched(self, images: Sequence[ImageRef], run: ChunkState) -> None:
        """Hand back what was not begun; claimed first, for a forged message names any."""
        claimed = self._claim(images) if images else []
        run.tally["skipped"] += len(images) - len(claimed)
        left, delay = (
            [*run.untouched, *claimed],
            run.service_away and not self._signals.should_stop(),
        )
        self._release(left, delay=delay)
        run.tally["handed_back"] += len(left)

    def _claim(self, images: Sequence[ImageRef], *, alone: bool = True) -> list[ImageRef]:
        lease = self._limits.lease_seconds
        return self._retry.call(lambda: self._ledger.claim(images, lease, alone=alone))

    def _release(self, images: Sequence[ImageRef], *, delay: bool) -> None:
        if images:
            numbers = [image.id for image in images]
            self._retry.call(lambda: self._ledger.release(numbers, delay=delay))
            log.warning("images_handed_back", images=len(images), delay=delay)

    def _attempt(
        self, images: Sequence[ImageRef], run: ChunkState, *, alone: bool
    ) -> list[DeferredImage]:
        """Try each image once and save what came of it; those that must wait are returned."""
        looks = self._process_images(images, run)
        waiting = [look for look in looks if isinstance(look, DeferredImage)]
        outcomes: list[Outcome] = [look for look in looks if isinstance(look, ImageFailed)]
        seen = [look for look in looks if isinstance(look, DetectedImage)]
        try:
            outcomes += self._read(seen, alone=alone)
        except SetupError as fault:
            waiting += [DeferredImage(look.image, fault) for look in seen]
        except Exception as error:  # noqa: BLE001  (kept, and raised when the others are through)
            if alone:
                self._record_failure_cause(seen[0].image, error)
            run.record_error(error)
        self._save(outcomes, run)
        return waiting

    def _save(self, outcomes: Sequence[Outcome], run: ChunkState) -> None:
        """Save what came of images, and tell it."""
        if outcomes:
            self._retry.call(lambda: self._save_results(outcomes))
        for outcome in outcomes:
            _log_outcome(outcome)
        run.tally.update("done" if isinstance(end, ImageDone) else "failed" for end in outcomes)

    def _process_images(
        self, images: Sequence[ImageRef], run: ChunkState
    ) -> list[DetectedImage | ImageFailed | DeferredImage]:
        """Look at images until the time is up or the worker ends; what breaks us is noted."""
        until = min(run.deadline, time.monotonic() + self._limits.fetch_seconds)
        looks: list[DetectedImage | ImageFailed | DeferredImage] = []
        begun = 0
        with closing(self._fetcher.fetch(images)) as fetched:
            for image, data in fetched:
                try:
                    look = self._process_image(image, data, until)
                except ShuttingDown:
                    break
                begun += 1
                if isinstance(look, CrashedImage):
                    run.record_error(look.error)
                else:
                    looks.append(look)
                if run.timed_out or self._signals.should_stop():
                    break
        run.untouched += images[begun:]
        return looks

    def _process_image(
        self, image: ImageRef, data: Future[bytes], until: float
    ) -> DetectedImage | ImageFailed | DeferredImage | CrashedImage:
        """Look at one image; whatever is logged meanwhile names it.

        Raises:
            Ending: the worker was asked to end before the image had arrived.
            Exception: the soft time limit struck before it had arrived; nobody is to blame.
        """
        with structlog.contextvars.bound_contextvars(image=image.id, key=image.key):
            arrived = False
            try:
                content = self._fetcher.await_bytes(data, until)
                arrived = True
                with self._as_current(image):
                    return self._detect(image, content)
            except ImageRejected as error:
                return ImageFailed(image, error.reason, str(error))
            except (TemporaryFault, SetupError) as fault:
                return DeferredImage(image, fault)
            except ShuttingDown:
                raise
            except Exception as error:
                if is_soft_time_limit(error) and not arrived:
                    raise
                self._record_failure_cause(image, error)
                return CrashedImage(image, error)

    @contextmanager
    def _as_current(self, image: ImageRef) -> Iterator[None]:
        """What kills this process within is this image's doing."""
        self._signals.set_current(image.id)
        try:
            yield
        finally:
            self._signals.set_current(0)

    def _record_failure_cause(self, image: ImageRef, error: Exception) -> None:
        """Note what an image broke us with; its own message has nothing of it."""
        trouble = classify_failure(error)
        log.error("image_broke_us", trouble=trouble, error=type(error).__name__)
        try:
            self._ledger.record_failure_cause(image.id, trouble)
        except TemporaryFault as fault:
            # The attempt is counted all the same; only its reason will be "crashed".
            log.error("image_not_blamed", why=str(fault))

    def _detect(self, image: ImageRef, data: bytes) -> DetectedImage:
        """Decode and detect, keeping the crops alone: 12 megapixels are 36 MB."""
        began = time.monotonic()
        photograph = decode(data, max_pixels=self._limits.max_image_pixels)
        found = self._recogniser.find(photograph.pixels)
        height, width = photograph.pixels.shape[:2]
        seconds = time.monotonic() - began
        return DetectedImage(image, width, height, photograph.taken_at, seconds, found)

    def _read(self, seen: Sequence[DetectedImage], *, alone: bool) -> list[ImageDone]:
        """Read the crops of all images in one call, and give each image its own back."""
        if not seen:
            return []
        crops = [found for look in seen for found in look.found]
        began = time.monotonic()
        with self._as_current(seen[0].image) if alone else nullcontext():
            plates = iter(self._recogniser.read(crops) if crops else [])
        share = (time.monotonic() - began) / max(1, len(crops))
        return [_image_done(look, tuple(islice(plates, len(look.found))), share) for look in seen]


def _groups(images: Sequence[ImageRef], size: int) -> Iterator[Sequence[ImageRef]]:
    for first in range(0, len(images), size):
        yield images[first : first + size]


def _image_done(
    look: DetectedImage, plates: tuple[PlateReading, ...], seconds_a_plate: float
) -> ImageDone:
    milliseconds = round(1000 * (look.seconds + seconds_a_plate * len(plates)))
    return ImageDone(look.image, look.width, look.height, look.taken_at, milliseconds, plates)


def _log_outcome(outcome: Outcome) -> None:
    image = {"image": outcome.image.id, "key": outcome.image.key}
    if isinstance(outcome, ImageDone):
        plates, milliseconds = len(outcome.plates), outcome.milliseconds
        log.info("image_done", plates=plates, milliseconds=milliseconds, **image)
    else:
        log.warning("image_failed", reason=outcome.reason, detail=outcome.detail, **image)
