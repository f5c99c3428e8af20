"""Processes one chunk from references to rows, in plain Python: no Celery, no SQL, no S3.

Outcomes of an image whose processing fails:

- the image is at fault (ImageRejected): saved as failed, with its reason. Never retried by itself.
- a service is away (TemporaryFault) or this machine is not in order (SetupError): retried after
  growing pauses, then released to the ledger as pending, to be sent again later, with all of the
  chunk that was not begun. The attempt does not count. An image that comes back for ever while its
  store serves others is at fault (workers/chunk/availability.py).
- the worker is asked to end: detected images are saved, and the rest released, to be sent again at
  once. No attempt counts.
- anything else, a crash of the process or a time limit included, is a fault of ours or of an image
  that crashes us. The ledger records the cause; the others of the chunk go on; and the message goes
  back to the queue. A message that comes back is processed one image at a time, and so is an image
  that has a failure cause. However often a group is broken off, that counts as one attempt of its
  images; each time an image is begun alone counts, and after the third it is quarantined. So
  nothing is lost, nothing goes round for ever, and no image pays for a neighbour.

Either a message goes back, and the images that it names stay queued, or it is done with, and its
other images are pending: never both, or two workers would be at the same images.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, nullcontext
from itertools import islice

import structlog

from hkplates.database.results.save import ImageDone, ImageFailed, Outcome
from hkplates.errors import ImageRejected, SetupError, TemporaryFault
from hkplates.jobs import Chunk, ImageRef, StoreKind
from hkplates.recognition.images.decode import decode
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
"""Images of a chunk processed together: their plates are read in one call and saved at once."""


class Pipeline:
    """Processes chunks; one per process, not for two threads at once."""

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
        should_stop = self._signals.should_stop
        self._fetcher = Fetcher(stores, limits.fetch_threads, limits.max_image_bytes, should_stop)
        self._probe = UnavailableObjectProbe(ledger.canaries, stores, limits, should_stop)

    def process(self, chunk: Chunk, *, one_at_a_time: bool) -> None:
        """Brings every image of the chunk to an end, or back to the ledger.

        Raises:
            DatabaseUnreachable: the ledger stayed away; the message must be sent again.
            Exception: an image crashed, and the others are through; the same.
        """
        state = ChunkState(self._limits.chunk_seconds)
        size = 1 if one_at_a_time else GROUP_IMAGES
        groups = deque(_groups(chunk.images, size))
        while groups and not state.over and not self._signals.should_stop():
            images = groups.popleft()
            # A group leaves out images that have a failure cause: their turn comes, alone.
            left_out = self._process_group(images, state, alone=len(images) == 1)
            groups.extend([image] for image in left_out)
        if not state.errors:
            self._release_untouched([image for images in groups for image in images], state)
        seconds = round(time.monotonic() - state.began, 3)
        log.info("chunk_done", images=len(chunk.images), seconds=seconds, **state.tally)
        if state.errors:
            raise state.errors[0]

    def _process_group(
        self, images: Sequence[ImageRef], state: ChunkState, *, alone: bool
    ) -> list[ImageRef]:
        """Claims images and processes them; returns those to be claimed alone."""
        claimed = self._claim(images, alone=alone)
        if claimed:
            self._process_with_retries(claimed, state, alone=alone)
        others = [image for image in images if image not in claimed]
        if alone:
            state.tally["skipped"] += len(others)
            return []
        return others

    def _process_with_retries(
        self, images: Sequence[ImageRef], state: ChunkState, *, alone: bool
    ) -> None:
        """Processes claimed images, again for as long as services are away and retries last."""
        deferred: list[DeferredImage] = []
        try:
            for number in self._retry.attempts():
                deferred = []
                deferred = self._attempt(images, state, alone=alone)
                images = [one.image for one in deferred]
                if not images:
                    break
                fault = str(deferred[0].fault)
                log.warning("images_waiting", images=len(images), tries=number, fault=fault)
                if self._is_interrupted(state) or time.monotonic() > state.deadline:
                    break
            deferred = self._end_unavailable(deferred, state)
        finally:
            # Also where a time limit ends the wait: that is not these images' fault.
            self._release([one.image for one in deferred], delay=not self._signals.should_stop())
        state.tally["handed_back"] += len(deferred)

    def _end_unavailable(
        self, deferred: list[DeferredImage], state: ChunkState
    ) -> list[DeferredImage]:
        """Saves as failed the images that their store will never serve; returns the others."""
        if self._is_interrupted(state):
            return deferred
        try:
            failed = self._probe.find_unavailable(deferred, state.deadline)
        except ShuttingDown:
            return deferred
        self._save(failed, state)
        unavailable = {one.image for one in failed}
        return [one for one in deferred if one.image not in unavailable]

    def _is_interrupted(self, state: ChunkState) -> bool:
        return state.timed_out or self._signals.should_stop()

    def _release_untouched(self, images: Sequence[ImageRef], state: ChunkState) -> None:
        """Releases images that were not begun; claims them first, for a forged message names any.

        `images` were not claimed; those that are in `state.untouched` were.
        """
        claimed = self._claim(images) if images else []
        state.tally["skipped"] += len(images) - len(claimed)
        untouched = [*state.untouched, *claimed]
        self._release(untouched, delay=state.service_away and not self._signals.should_stop())
        state.tally["handed_back"] += len(untouched)

    def _claim(self, images: Sequence[ImageRef], *, alone: bool = True) -> list[ImageRef]:
        lease = self._limits.lease_seconds
        return self._retry.call(lambda: self._ledger.claim(images, lease, alone=alone))

    def _release(self, images: Sequence[ImageRef], *, delay: bool) -> None:
        if images:
            ids = [image.id for image in images]
            self._retry.call(lambda: self._ledger.release(ids, delay=delay))
            log.warning("images_handed_back", images=len(images), delay=delay)

    def _attempt(
        self, images: Sequence[ImageRef], state: ChunkState, *, alone: bool
    ) -> list[DeferredImage]:
        """Processes each image once and saves the outcomes; returns the images deferred."""
        results = self._process_images(images, state)
        deferred = [result for result in results if isinstance(result, DeferredImage)]
        outcomes: list[Outcome] = [result for result in results if isinstance(result, ImageFailed)]
        detected = [result for result in results if isinstance(result, DetectedImage)]
        try:
            outcomes += self._read(detected, alone=alone)
        except SetupError as fault:
            deferred += [DeferredImage(one.image, fault) for one in detected]
        except Exception as error:  # noqa: BLE001  (kept, and raised when the others are through)
            if alone:
                self._record_failure_cause(detected[0].image, error)
            state.record_error(error)
        self._save(outcomes, state)
        return deferred

    def _save(self, outcomes: Sequence[Outcome], state: ChunkState) -> None:
        """Saves outcomes and logs them."""
        if outcomes:
            self._retry.call(lambda: self._save_results(outcomes))
        for outcome in outcomes:
            _log_outcome(outcome)
        state.tally.update("done" if isinstance(end, ImageDone) else "failed" for end in outcomes)

    def _process_images(
        self, images: Sequence[ImageRef], state: ChunkState
    ) -> list[DetectedImage | ImageFailed | DeferredImage]:
        """Processes images up to reading, until the time is up or the worker shuts down.

        Records the errors of images that crash.
        """
        deadline = min(state.deadline, time.monotonic() + self._limits.fetch_seconds)
        results: list[DetectedImage | ImageFailed | DeferredImage] = []
        begun = 0
        with closing(self._fetcher.fetch(images)) as fetched:
            for image, data in fetched:
                try:
                    result = self._process_image(image, data, deadline)
                except ShuttingDown:
                    break
                begun += 1
                if isinstance(result, CrashedImage):
                    state.record_error(result.error)
                else:
                    results.append(result)
                if self._is_interrupted(state):
                    break
        state.untouched += images[begun:]
        return results

    def _process_image(
        self, image: ImageRef, data: Future[bytes], deadline: float
    ) -> DetectedImage | ImageFailed | DeferredImage | CrashedImage:
        """Decodes one image and detects its plates; log lines meanwhile name it.

        Raises:
            ShuttingDown: the worker was asked to end before the image had arrived.
            Exception: the soft time limit struck before it had arrived; no image is the cause.
        """
        with structlog.contextvars.bound_contextvars(image=image.id, key=image.key):
            arrived = False
            try:
                content = self._fetcher.await_bytes(data, deadline)
                arrived = True
                with self._signals.processing(image):
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

    def _record_failure_cause(self, image: ImageRef, error: Exception) -> None:
        """Records a crash in the ledger; logs the error's class and not its text."""
        cause = classify_failure(error)
        log.error("image_broke_us", trouble=cause, error=type(error).__name__)
        try:
            self._ledger.record_failure_cause(image.id, cause)
        except TemporaryFault as fault:
            # The attempt is counted all the same; only its reason will be "crashed".
            log.error("image_not_blamed", why=str(fault))

    def _detect(self, image: ImageRef, data: bytes) -> DetectedImage:
        """Decodes and detects, and keeps the crops alone: 12 megapixels are 36 MB."""
        began = time.monotonic()
        photograph = decode(data, max_pixels=self._limits.max_image_pixels)
        found = self._recogniser.find(photograph.pixels)
        height, width = photograph.pixels.shape[:2]
        seconds = time.monotonic() - began
        return DetectedImage(image, width, height, photograph.taken_at, seconds, found)

    def _read(self, detected: Sequence[DetectedImage], *, alone: bool) -> list[ImageDone]:
        """Reads the crops of all images in one call and returns each image with its own plates."""
        if not detected:
            return []
        crops = [crop for one in detected for crop in one.found]
        began = time.monotonic()
        with self._signals.processing(detected[0].image) if alone else nullcontext():
            plates = iter(self._recogniser.read(crops) if crops else [])
        share = (time.monotonic() - began) / max(1, len(crops))
        return [one.done(tuple(islice(plates, len(one.found))), share) for one in detected]


def _groups(images: Sequence[ImageRef], size: int) -> Iterator[Sequence[ImageRef]]:
    for first in range(0, len(images), size):
        yield images[first : first + size]


def _log_outcome(outcome: Outcome) -> None:
    image = {"image": outcome.image.id, "key": outcome.image.key}
    if isinstance(outcome, ImageDone):
        plates, milliseconds = len(outcome.plates), outcome.milliseconds
        log.info("image_done", plates=plates, milliseconds=milliseconds, **image)
    else:
        log.warning("image_failed", reason=outcome.reason, detail=outcome.detail, **image)
