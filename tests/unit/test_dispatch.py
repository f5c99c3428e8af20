"""The rolling window: short, never overfilled, and nothing taken that was not sent."""

from dataclasses import dataclass, field

import pytest

from hkplates.errors import BrokerUnreachable
from hkplates.jobs import Chunk, ImageRef
from producer.dispatch import EXPIRE_EVERY_SECONDS, Dispatcher


@dataclass
class MemoryLedger:
    """Image numbers, pending or queued."""

    pending: list[int]
    queued: list[int] = field(default_factory=list)
    expiries: int = 0

    def take_pending(self, limit: int, lease_seconds: float) -> list[ImageRef]:
        taken, self.pending = self.pending[:limit], self.pending[limit:]
        self.queued += taken
        return [ImageRef(number, "s3", "b", f"{number}.jpg", "e") for number in taken]

    def hand_back(self, image_ids: list[int], *, claimed: bool) -> int:
        assert not claimed
        self.queued = [number for number in self.queued if number not in image_ids]
        self.pending = sorted(self.pending + image_ids)
        return len(image_ids)

    def expire_leases(self) -> int:
        self.expiries += 1
        return 0


@dataclass
class MemoryBroker:
    """A queue that breaks after so many messages."""

    breaks_after: int = 1000
    queue: list[Chunk] = field(default_factory=list)

    def waiting(self) -> int:
        return len(self.queue)

    def send(self, chunk: Chunk) -> None:
        if len(self.queue) >= self.breaks_after:
            raise BrokerUnreachable("gone")
        self.queue.append(chunk)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def dispatcher(
    ledger: MemoryLedger, broker: MemoryBroker, clock: Clock | None = None
) -> Dispatcher:
    return Dispatcher(ledger, broker, 4, 3, 60, clock or Clock())


def test_the_window_is_filled_and_not_more() -> None:
    ledger, broker = MemoryLedger(list(range(1, 101))), MemoryBroker()
    full = dispatcher(ledger, broker)
    assert full.fill() == 12
    assert [len(chunk.images) for chunk in broker.queue] == [4, 4, 4]
    assert full.fill() == 0
    assert len(ledger.pending) == 88


def test_what_workers_take_is_filled_up() -> None:
    ledger, broker = MemoryLedger(list(range(1, 101))), MemoryBroker()
    window = dispatcher(ledger, broker)
    window.fill()
    del broker.queue[0]
    assert window.fill() == 4
    assert window.taken == 1
    assert [chunk.images[0].id for chunk in broker.queue] == [5, 9, 13]


def test_the_last_chunk_may_be_smaller() -> None:
    ledger, broker = MemoryLedger([1, 2, 3, 4, 5]), MemoryBroker()
    assert dispatcher(ledger, broker).fill() == 5
    assert [len(chunk.images) for chunk in broker.queue] == [4, 1]


def test_what_could_not_be_sent_is_handed_back() -> None:
    ledger, broker = MemoryLedger(list(range(1, 11))), MemoryBroker(breaks_after=1)
    with pytest.raises(BrokerUnreachable):
        dispatcher(ledger, broker).fill()
    assert ledger.queued == [1, 2, 3, 4]
    assert ledger.pending == [5, 6, 7, 8, 9, 10]


def test_leases_are_looked_at_now_and_then() -> None:
    ledger, clock = MemoryLedger([]), Clock()
    window = dispatcher(ledger, MemoryBroker(), clock)
    window.fill()
    window.fill()
    assert ledger.expiries == 1
    clock.now += EXPIRE_EVERY_SECONDS
    window.fill()
    assert ledger.expiries == 2
