"""Keeping a short queue: what waits, waits in Postgres, and Redis holds a rolling window."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from hkplates.jobs import Chunk, ImageRef
from producer.broker import Broker

EXPIRE_EVERY_SECONDS = 10.0


class Ledger(Protocol):
    """What dispatching asks of hkplates.database.ledger.Ledger."""

    def take_pending(self, limit: int, lease_seconds: float) -> list[ImageRef]: ...

    def hand_back(self, image_ids: list[int], *, claimed: bool) -> int: ...

    def expire_leases(self) -> int: ...


@dataclass
class Dispatcher:
    """Moves pending images into the queue, as many as fit; several may run at once.

    A row is queued before its message is sent: a message that gets lost is sent again when its
    lease expires, and what could not be sent is handed back at once.
    """

    ledger: Ledger
    broker: Broker
    chunk_images: int
    window_chunks: int
    lease_seconds: float
    clock: Callable[[], float] = time.monotonic
    taken: int = 0
    """Messages of ours that workers have taken, as far as the queue's length tells."""
    _sent: int = 0
    _expired_at: float = field(default=float("-inf"))

    def fill(self) -> int:
        """Fill the window; how many images were sent.

        Raises:
            BrokerUnreachable, DatabaseUnreachable: what was not sent is pending again, or will be
                when its lease expires.
        """
        self._expire()
        waiting = self.broker.waiting()
        self.taken = max(self.taken, self._sent - waiting)
        room = self.window_chunks - waiting
        if room <= 0:
            return 0
        images = self.ledger.take_pending(room * self.chunk_images, self.lease_seconds)
        self._send(images)
        return len(images)

    def _send(self, images: list[ImageRef]) -> None:
        unsent = [image.id for image in images]
        try:
            for chunk in self._chunks(images):
                self.broker.send(chunk)
                self._sent += 1
                del unsent[: len(chunk.images)]
        finally:
            if unsent:
                self.ledger.hand_back(unsent, claimed=False)

    def _chunks(self, images: list[ImageRef]) -> Iterator[Chunk]:
        for start in range(0, len(images), self.chunk_images):
            yield Chunk(tuple(images[start : start + self.chunk_images]))

    def _expire(self) -> None:
        if self.clock() - self._expired_at >= EXPIRE_EVERY_SECONDS:
            self.ledger.expire_leases()
            self._expired_at = self.clock()
