"""Distinguishes an object that its store will never serve from a store that is away.

Both look alike: reading fails, and the image is released. So once an image was released often, the
store is asked for a canary, another image that it served before. Where it serves the canary and
then still not this one, the image is at fault. A store that serves neither is away, and all of its
images go on waiting.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from math import inf

import structlog

from hkplates.database.results.save import ImageFailed
from hkplates.errors import (
    ImageRejected,
    ImageUnavailable,
    SetupError,
    StoreUnreachable,
    TemporaryFault,
)
from hkplates.jobs import ImageRef, StoreKind
from hkplates.storage.base import Store
from workers.chunk.prefetch import POLL_SECONDS, TOO_SLOW, ShuttingDown
from workers.chunk.state import DeferredImage, Limits

log = structlog.get_logger()

ProbeResults = dict[ImageRef, Exception | None]
"""The fault that kept each probed image from being read, or None where it was served."""
MIN_TIME_SHARE = 1 / 6
"""Share of a chunk's time that the probe of the candidates needs: less is no fair try."""


@dataclass(frozen=True, slots=True)
class UnavailableObjectProbe:
    """Finds the images whose store serves others and never them."""

    find_canaries: Callable[[Sequence[int]], dict[int, ImageRef]]
    """Returns, of images released often, the canary to ask their store for."""
    stores: Mapping[StoreKind, Store]
    limits: Limits
    should_stop: Callable[[], bool]

    def find_unavailable(
        self, deferred: Sequence[DeferredImage], deadline: float
    ) -> list[ImageFailed]:
        """Returns, as failed, the deferred images that are at fault themselves.

        Probes until `deadline`, in seconds of time.monotonic.

        Raises:
            ShuttingDown: the worker was asked to end meanwhile.
        """
        candidates = {
            one.image.id: one.image for one in deferred if isinstance(one.fault, StoreUnreachable)
        }
        canaries = self._canaries(list(candidates)) if candidates else {}
        # Half of the time for the canaries: a store that is away may keep them waiting for long.
        half = (time.monotonic() + deadline) / 2
        canary_results = self._probe(list(set(canaries.values())), half)
        if deadline - time.monotonic() < MIN_TIME_SHARE * self.limits.chunk_seconds:
            return []
        served = {canary for canary, fault in canary_results.items() if fault is None}
        probed = [candidates[number] for number, canary in canaries.items() if canary in served]
        return [
            _image_failed(image, fault)
            for image, fault in self._probe(probed, deadline).items()
            if isinstance(fault, StoreUnreachable)
        ]

    def _canaries(self, image_ids: Sequence[int]) -> dict[int, ImageRef]:
        try:
            return self.find_canaries(image_ids)
        except TemporaryFault as fault:
            log.warning("no_image_judged", why=str(fault))  # they are released once more
            return {}

    def _probe(self, images: Sequence[ImageRef], deadline: float) -> ProbeResults:
        """Reads images in parallel; leaves out those that had no fair try.

        No answer is a result only of an image that was being read for half of the time: a healthy
        store that is slow would else fail those whose turn came late.
        """
        begun: dict[ImageRef, float] = {}  # seconds of time.monotonic
        fair = (time.monotonic() + deadline) / 2
        # Threads of its own: those that hang at an image would let no other have its turn.
        threads = ThreadPoolExecutor(self.limits.fetch_threads, "probe")
        try:
            reads = {image: threads.submit(self._read, image, begun) for image in images}
            self._wait(list(reads.values()), deadline)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        results: ProbeResults = {}
        for image, read in reads.items():
            if not read.done():
                if begun.get(image, inf) <= fair:
                    results[image] = StoreUnreachable(TOO_SLOW)
            elif not read.cancelled():
                results[image] = read.result()
        return results

    def _read(self, image: ImageRef, begun: dict[ImageRef, float]) -> Exception | None:
        """Reads one image; returns the fault, None also where the store rejects it."""
        begun[image] = time.monotonic()
        limit = self.limits.max_image_bytes
        try:
            self.stores[image.store].read(image.bucket, image.key, image.etag, limit=limit)
        except ImageRejected as rejected:
            log.info("store_answers", image=image.id, reason=rejected.reason)
        except (TemporaryFault, SetupError) as fault:
            return fault
        return None

    def _wait(self, reads: Sequence[Future[Exception | None]], deadline: float) -> None:
        """Waits until all reads are done, or the deadline.

        Raises:
            ShuttingDown: the worker was asked to end.
        """
        while wait(reads, max(0.0, min(POLL_SECONDS, deadline - time.monotonic()))).not_done:
            if self.should_stop():
                raise ShuttingDown
            if time.monotonic() >= deadline:
                return


def _image_failed(image: ImageRef, fault: Exception) -> ImageFailed:
    why = str(fault).partition(";")[0]  # the rest says what to do about a store that is away
    detail = f"its store serves others of {image.bucket}, and never this one: {why}"
    return ImageFailed(image, ImageUnavailable.reason, detail)
