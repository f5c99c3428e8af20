"""Telling an image that its store will never serve from one whose store is away.

Both look alike: reading it fails, and it comes back. So once an image has come back often, the
store is asked for another that it served before. Served that one, and then still not this one, the
image is at fault. A store that serves neither is away, and all go on waiting.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import structlog

from hkplates.database.results import ImageFailed
from hkplates.errors import (
    ImageRejected,
    ImageUnavailable,
    SetupError,
    StoreUnreachable,
    TemporaryFault,
)
from hkplates.jobs import ImageRef, StoreKind
from hkplates.storage.base import Store
from workers.fetching import Fetcher
from workers.needs import Ledger
from workers.run import Limits, Waiting

log = structlog.get_logger()

Answers = dict[ImageRef, Exception | None]
"""Why each image that was asked for was not served, or None where it was."""
LEAST_SHARE = 1 / 6
"""Of a chunk's time: less is no fair try."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Finds the images that their store will never serve."""

    ledger: Ledger
    stores: Mapping[StoreKind, Store]
    limits: Limits
    ending: Callable[[], bool]

    def unavailable(self, waiting: Sequence[Waiting], until: float) -> list[ImageFailed]:
        """Those of the images that wait; asked for no longer than `until` (time.monotonic).

        Raises:
            Ending: the worker was asked to end meanwhile.
        """
        suspects = {one.image.id: one for one in waiting if isinstance(one.fault, StoreUnreachable)}
        witnesses = self._witnesses(list(suspects)) if suspects else {}
        # Half of the time for the others: a store that is away may keep them waiting for long.
        half = (time.monotonic() + until) / 2
        others = self._ask(list(set(witnesses.values())), half)
        if until - time.monotonic() < LEAST_SHARE * self.limits.chunk_seconds:
            return []
        serves = {other for other, fault in others.items() if fault is None}
        asked = [suspects[number].image for number, one in witnesses.items() if one in serves]
        answers = self._ask(asked, until)
        return [
            _failed(image, fault)
            for image, fault in answers.items()
            if isinstance(fault, StoreUnreachable)
        ]

    def _witnesses(self, image_ids: Sequence[int]) -> dict[int, ImageRef]:
        try:
            return self.ledger.witnesses(image_ids)
        except TemporaryFault as fault:
            log.warning("no_image_judged", why=str(fault))  # they come back once more
            return {}

    def _ask(self, images: Sequence[ImageRef], until: float) -> Answers:
        """What the store answers for each; of those whose turn did not come, nothing."""
        if not images:
            return {}
        # Threads of its own: those that hang at an image would let no other have its turn.
        fetcher = Fetcher(
            self.stores, self.limits.fetch_threads, self.limits.max_image_bytes, self.ending
        )
        answers: Answers = {}
        try:
            with closing(fetcher.fetch(images)) as fetched:
                for image, data in fetched:
                    try:
                        fetcher.arrived(data, until)
                        answers[image] = None
                    except ImageRejected as answer:
                        log.info("store_answers", image=image.id, reason=answer.reason)
                        answers[image] = None
                    except (TemporaryFault, SetupError) as fault:
                        if not data.cancelled():
                            answers[image] = fault
        finally:
            fetcher.threads.shutdown(wait=False)
        return answers


def _failed(image: ImageRef, fault: Exception) -> ImageFailed:
    why = str(fault).partition(";")[0]  # what follows says what to do about a store that is away
    words = f"its store serves others of {image.bucket}, and never this one: {why}"
    return ImageFailed(image, ImageUnavailable.reason, words)
