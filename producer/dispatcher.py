"""Keeps a short queue: images wait in Postgres, and Redis holds a rolling window of messages."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hkplates.jobs import Chunk, ImageRef
from producer.broker import Broker

SWEEP_SECONDS = 5.0
MAX_SWEPT_IMAGES = 100_000
"""Queued images that one sweep looks for in the messages."""


class DispatchLedger(Protocol):
    """The part of hkplates.database.ledger.dispatch.Dispatch that filling the queue needs."""

    def take_chunks(
        self, most: int, images: int, lease_seconds: float
    ) -> list[tuple[ImageRef, ...]]: ...

    def release(self, image_ids: list[int]) -> int: ...

    def expire_leases(self) -> int: ...

    def queued(self, limit: int) -> list[int]: ...

    def requeue_lost(self, image_ids: Sequence[int], work_seconds: float) -> int: ...


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """The images and messages sent, and the images made pending again.

    The leases of the `expired` ones had run out; the `lost` ones had been sent, and no message
    named them any more.
    """

    images: int = 0
    messages: int = 0
    expired: int = 0
    lost: int = 0


@dataclass
class Dispatcher:
    """Moves pending images into the queue, as many as fit; several may run at once.

    A row is queued before its message is sent: a lost message is detected by a sweep of the queue
    every SWEEP_SECONDS, and at the latest when its lease expires. Images that could not be sent are
    released at once.
    """

    ledger: DispatchLedger
    broker: Broker
    chunk_images: int
    window_chunks: int
    lease_seconds: float
    work_seconds: float
    """The longest that a worker may be at an image."""
    clock: Callable[[], float] = time.monotonic
    should_stop: Callable[[], bool] = lambda: False
    """Asked before each message: returns True to send no more."""
    consumed: int = 0
    """Messages of ours that workers have taken, as derived from the queue's length."""
    _sent: int = 0
    _swept_at: float = field(default=float("-inf"))
    _missing_once: frozenset[int] = frozenset()
    """Images that were queued at the last sweep, and that no message named."""

    def fill(self) -> DispatchResult:
        """Fills the window, after a sweep where one is due.

        Raises:
            BrokerUnreachable, DatabaseUnreachable: what was not sent is pending again, or will be
                when its lease expires.
        """
        expired, lost = self._sweep_expired_and_lost()
        waiting = self.broker.queue_length()
        self.consumed = max(self.consumed, self._sent - waiting)
        room = self.window_chunks - waiting
        if room <= 0:
            return DispatchResult(0, 0, expired, lost)
        chunks = self.ledger.take_chunks(room, self.chunk_images, self.lease_seconds)
        images, messages = self._send(chunks)
        return DispatchResult(images, messages, expired, lost)

    def _send(self, chunks: Sequence[tuple[ImageRef, ...]]) -> tuple[int, int]:
        """Sends chunks in turn and returns the numbers of images and of messages sent.

        Releases the images of the chunks that were not sent.
        """
        images = messages = 0
        try:
            for chunk in chunks:
                if self.should_stop():
                    break
                self.broker.send(Chunk(chunk))
                self._sent += 1
                images, messages = images + len(chunk), messages + 1
        finally:
            if unsent := [image.id for chunk in chunks[messages:] for image in chunk]:
                self.ledger.release(unsent)
        return images, messages

    def _sweep_expired_and_lost(self) -> tuple[int, int]:
        """Makes images pending whose lease expired or whose message was lost; counts of both.

        Returns (0, 0) within SWEEP_SECONDS of the last sweep.
        """
        if self.clock() - self._swept_at < SWEEP_SECONDS:
            return 0, 0
        expired, lost = self.ledger.expire_leases(), self._requeue_lost()
        self._swept_at = self.clock()
        return expired, lost

    def _requeue_lost(self) -> int:
        """Makes images pending whose message was lost; returns how many.

        Redis was flushed, or a producer died between the ledger and its message. An image is lost
        when no message names it at two sweeps: another producer may be about to send it, or a
        worker have taken its message at this moment. Should it not be lost after all, it is sent
        twice, which does no harm.
        """
        # Before the messages are read: those sent later are then among them.
        queued = self.ledger.queued(MAX_SWEPT_IMAGES)
        named = self.broker.image_ids() if queued else set()
        if named is None:  # too many messages to scan: their leases expire
            self._missing_once = frozenset()
            return 0
        missing = frozenset(queued) - named
        lost, self._missing_once = missing & self._missing_once, missing
        return self.ledger.requeue_lost(sorted(lost), self.work_seconds) if lost else 0
