"""The rolling window stays short, is never overfilled, and no image is taken that was not sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from hkplates.errors import BrokerUnreachable
from hkplates.jobs import Chunk, ImageRef
from producer.dispatcher import SWEEP_SECONDS, Dispatcher, DispatchResult


@dataclass
class MemoryLedger:
    """A ledger of image ids, pending or queued."""

    pending: list[int]
    sent: list[int] = field(default_factory=list)
    expiries: int = 0

    def take_chunks(
        self, most: int, images: int, lease_seconds: float
    ) -> list[tuple[ImageRef, ...]]:
        taken, self.pending = self.pending[: most * images], self.pending[most * images :]
        self.sent += taken
        refs = [ImageRef(number, "s3", "b", f"{number}.jpg", "e") for number in taken]
        return [tuple(refs[start : start + images]) for start in range(0, len(refs), images)]

    def release(self, image_ids: list[int]) -> int:
        self.sent = [number for number in self.sent if number not in image_ids]
        self.pending = sorted(self.pending + image_ids)
        return len(image_ids)

    def expire_leases(self) -> int:
        self.expiries += 1
        return 0

    def queued(self, limit: int) -> list[int]:
        return self.sent[:limit]

    def requeue_lost(self, image_ids: Sequence[int], work_seconds: float) -> int:
        return self.release(list(image_ids))


@dataclass
class MemoryBroker:
    """A queue that breaks after so many messages."""

    breaks_after: int = 1000
    too_long: bool = False
    queue: list[Chunk] = field(default_factory=list)

    def count_workers(self) -> int | None:
        return None

    def queue_length(self) -> int:
        return len(self.queue)

    def image_ids(self) -> set[int] | None:
        if self.too_long:
            return None
        return {image.id for chunk in self.queue for image in chunk.images}

    def send(self, chunk: Chunk) -> None:
        if len(self.queue) >= self.breaks_after:
            raise BrokerUnreachable("gone")
        self.queue.append(chunk)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def until_the_next_look(self) -> None:
        self.now += SWEEP_SECONDS


def dispatcher(
    ledger: MemoryLedger, broker: MemoryBroker, clock: Clock | None = None
) -> Dispatcher:
    return Dispatcher(ledger, broker, 4, 3, 600, 240, clock or Clock())


def test_the_window_is_filled_and_not_more() -> None:
    ledger, broker = MemoryLedger(list(range(1, 101))), MemoryBroker()
    full = dispatcher(ledger, broker)
    assert full.fill() == DispatchResult(images=12, messages=3)
    assert [len(chunk.images) for chunk in broker.queue] == [4, 4, 4]
    assert full.fill() == DispatchResult()
    assert len(ledger.pending) == 88


def test_what_workers_take_is_filled_up() -> None:
    ledger, broker = MemoryLedger(list(range(1, 101))), MemoryBroker()
    window = dispatcher(ledger, broker)
    window.fill()
    del broker.queue[0]
    assert window.fill().images == 4
    assert window.consumed == 1
    assert [chunk.images[0].id for chunk in broker.queue] == [5, 9, 13]


def test_the_last_chunk_may_be_smaller() -> None:
    ledger, broker = MemoryLedger([1, 2, 3, 4, 5]), MemoryBroker()
    assert dispatcher(ledger, broker).fill() == DispatchResult(images=5, messages=2)
    assert [len(chunk.images) for chunk in broker.queue] == [4, 1]


def test_what_could_not_be_sent_is_handed_back() -> None:
    ledger, broker = MemoryLedger(list(range(1, 11))), MemoryBroker(breaks_after=1)
    with pytest.raises(BrokerUnreachable):
        dispatcher(ledger, broker).fill()
    assert ledger.sent == [1, 2, 3, 4]
    assert ledger.pending == [5, 6, 7, 8, 9, 10]


def test_asked_to_stop_it_hands_back_what_it_has_not_sent() -> None:
    ledger, broker = MemoryLedger(list(range(1, 11))), MemoryBroker()
    window = dispatcher(ledger, broker)
    window.should_stop = lambda: bool(broker.queue)
    assert window.fill() == DispatchResult(images=4, messages=1)
    assert ledger.sent == [1, 2, 3, 4]
    assert ledger.pending == [5, 6, 7, 8, 9, 10]


def test_leases_are_looked_at_now_and_then() -> None:
    ledger, clock = MemoryLedger([]), Clock()
    window = dispatcher(ledger, MemoryBroker(), clock)
    window.fill()
    window.fill()
    assert ledger.expiries == 1
    clock.until_the_next_look()
    window.fill()
    assert ledger.expiries == 2


def test_what_redis_forgot_is_sent_again_at_the_second_look() -> None:
    ledger, broker, clock = MemoryLedger(list(range(1, 41))), MemoryBroker(), Clock()
    window = dispatcher(ledger, broker, clock)
    window.fill()
    broker.queue.clear()
    clock.until_the_next_look()
    assert window.fill() == DispatchResult(images=12, messages=3)  # later work goes on meanwhile
    clock.until_the_next_look()
    assert window.fill() == DispatchResult(lost=12)
    broker.queue.clear()
    window.fill()
    assert broker.image_ids() == set(range(1, 13))


def test_what_another_producer_is_about_to_send_is_not_lost() -> None:
    ledger, broker, clock = MemoryLedger([], sent=[7]), MemoryBroker(), Clock()
    window = dispatcher(ledger, broker, clock)
    window.fill()
    broker.send(Chunk((ImageRef(7, "s3", "b", "7.jpg", "e"),)))
    clock.until_the_next_look()
    assert window.fill() == DispatchResult()
    assert ledger.sent == [7]


def test_a_queue_too_long_to_look_through_leaves_its_images_to_their_leases() -> None:
    ledger, broker, clock = MemoryLedger([], sent=[7]), MemoryBroker(too_long=True), Clock()
    window = dispatcher(ledger, broker, clock)
    for _ in range(3):
        assert window.fill() == DispatchResult()
        clock.until_the_next_look()
    assert ledger.sent == [7]
