"""Telling an image that its store will never serve from one whose store is away.

Both look alike: reading it fails, and it comes back. So once an image has come back often, the
store is asked for another that it served before. Served that one, and then still not this one, the
image is at fault. A store that serves neither is away, and all go on waiting.
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
from workers.chunk.protocols import ClaimsLedger
from workers.chunk.state import DeferredImage, Limits

log = structlog.get_logger()

ProbeResults = dict[ImageRef, Exception | None]
"""Why each image that was asked for was not served, or None where it was."""
MIN_TIME_SHARE = 1 / 6
"""Of a chunk's time: less is no fair try."""


@dataclass(frozen=True, slots=True)
class UnavailableObjectProbe:
    """Finds the images that their store will never serve."""

    ledger: ClaimsLedger
    stores: Mapping[StoreKind, Store]
    limits: Limits
    should_stop: Callable[[], bool]

    def find_unavailable(self, waiting: Sequence[DeferredImage], until: float) -> list[ImageFailed]:
        """Those of the images that wait; asked for no longer than `until` (time.monotonic).

        Raises:
            Ending: the worker was asked to end meanwhile.
        """
        suspects = {one.image.id: one for one in waiting if isinstance(one.fault, StoreUnreachable)}
        canaries = self._canaries(list(suspects)) if suspects else {}
        # Half of the time for the others: a store that is away may keep them waiting for long.
        half = (time.monotonic() + until) / 2
        others = self._probe(list(set(canaries.values())), half)
        if until - time.monotonic() < MIN_TIME_SHARE * self.limits.chunk_seconds:
            return []
        serves = {other for other, fault in others.items() if fault is None}
        asked = [suspects[number].image for number, one in canaries.items() if one in serves]
        answers = self._probe(asked, until)
        return [
            _failed(image, fault)
            for image, fault in answers.items()
            if isinstance(fault, StoreUnreachable)
        ]

    def _canaries(self, image_ids: Sequence[int]) -> dict[int, ImageRef]:
        try:
            return self.ledger.canaries(image_ids)
        except TemporaryFault as fault:
            log.warning("no_image_judged", why=str(fault))  # they come back once more
            return {}

    def _probe(self, images: Sequence[ImageRef], until: float) -> ProbeResults:
        """What the store answers for each; of those that had no fair try, nothing.

        Silence is an answer only of an image that was in work for half of the time: a healthy
        store that is slow would else fail those whose turn came late.
        """
        begun: dict[ImageRef, float] = {}  # seconds of time.monotonic
        fair = (time.monotonic() + until) / 2
        # Threads of its own: those that hang at an image would let no other have its turn.
        threads = ThreadPoolExecutor(self.limits.fetch_threads, "judge")
        try:
            asked = {image: threads.submit(self._read, image, begun) for image in images}
            self._wait(list(asked.values()), until)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        answers: ProbeResults = {}
        for image, answer in asked.items():
            if not answer.done():
                if begun.get(image, inf) <= fair:
                    answers[image] = StoreUnreachable(TOO_SLOW)
            elif not answer.cancelled():
                answers[image] = answer.result()
        return answers

    def _read(self, image: ImageRef, begun: dict[ImageRef, float]) -> Exception | None:
        begun[image] = time.monotonic()
        limit = self.limits.max_image_bytes
        try:
            self.stores[image.store].read(image.bucket, image.key, image.etag, limit=limit)
        except ImageRejected as answer:
            log.info("store_answers", image=image.id, reason=answer.reason)
        except (TemporaryFault, SetupError) as fault:
            return fault
        return None

    def _wait(self, answers: Sequence[Future[Exception | None]], until: float) -> None:
        """Until all are there, or `until`."""
        while wait(answers, max(0.0, min(POLL_SECONDS, until - time.monotonic()))).not_done:
            if self.should_stop():
                raise ShuttingDown
            if time.monotonic() >= until:
                return


def _failed(image: ImageRef, fault: Exception) -> ImageFailed:
    why = str(fault).partition(";")[0]  # what follows says what to do about a store that is away
    words = f"its store serves others of {image.bucket}, and never this one: {why}"
    return ImageFailed(image, ImageUnavailable.reason, words)
