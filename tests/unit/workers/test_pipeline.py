"""Outcomes of a chunk's images, with everything beside the pipeline replaced by a fake."""

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import pytest
import structlog
from celery.exceptions import SoftTimeLimitExceeded

from hkplates.database.results.save import ImageDone, ImageFailed, Outcome
from hkplates.errors import (
    BundleInvalid,
    DatabaseUnreachable,
    ImageMissing,
    ReaderFailed,
    StoreUnreachable,
    TesseractMissing,
)
from hkplates.jobs import Chunk, ImageRef
from hkplates.recognition.types import DetectedPlate, Detection, Photo, PlateReading, Quad
from hkplates.retry import Backoff, RetryPolicy
from hkplates.storage.base import Entry
from workers.chunk.pipeline import GROUP_IMAGES, Pipeline
from workers.chunk.state import Limits, WorkerSignals

LIMITS = Limits(lease_seconds=900, fetch_threads=2, max_image_bytes=10**6, max_image_pixels=10**6)
QUAD = Quad((1.0, 1.0), (20.0, 1.0), (20.0, 8.0), (1.0, 8.0))


def photo(shade: int, width: int = 32) -> bytes:
    """Encodes a plain picture; the fake recogniser finds one plate for each 10 of its shade."""
    done, data = cv2.imencode(".png", np.full((24, width, 3), shade, np.uint8))
    assert done
    return bytes(data)


def ref(number: int) -> ImageRef:
    return ImageRef(number, "s3", "car-park", f"{number}.png", "e")


@dataclass
class MemoryStore:
    """Holds photographs, or the error that reading one raises; `fails` first for some time."""

    photos: dict[str, bytes | Exception]
    fails: int = 0
    reads: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> "list[Entry]":
        raise AssertionError("a worker lists nothing")

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        with self.lock:
            self.reads.append(key)
            self.fails -= 1
            if self.fails >= 0:
                raise StoreUnreachable("busy")
        found = self.photos.get(key, ImageMissing(f"{key} is not there any more"))
        if isinstance(found, Exception):
            raise found
        return found


@dataclass
class HangingStore(MemoryStore):
    """A store that hangs at keys it does not hold, until `over` is set."""

    over: threading.Event = field(default_factory=threading.Event)

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        if key not in self.photos:
            self.over.wait()
        return super().read(bucket, key, etag, limit=limit)


@dataclass
class AlwaysReads:
    """Finds one plate for each 10 of the picture's shade, and reads the shade as its mark."""

    breaks_at: int = -1
    breaks_with: Exception = field(default_factory=lambda: RuntimeError("a fault of ours"))
    breaks_reading: Exception | None = None
    reading_calls: int = 0
    looked: Callable[[], None] = lambda: None

    def find(self, picture: Photo) -> list[DetectedPlate]:
        self.looked()
        shade = int(picture[0, 0, 0])
        if shade == self.breaks_at:
            raise self.breaks_with
        crop = picture[:8, :20].copy()
        return [DetectedPlate(Detection(QUAD, 0.9, "HK"), crop) for _ in range(shade // 10)]

    def read(self, found: Sequence[DetectedPlate]) -> list[PlateReading]:
        self.reading_calls += 1
        if self.breaks_reading:
            raise self.breaks_reading
        return [plate(f"S{one.crop[0, 0, 0]}") for one in found]


def plate(mark: str) -> PlateReading:
    return PlateReading(mark, mark, "HK", "usual", 1, "white", 0.9, (0.9,), (), QUAD, 0.9, "always")


@dataclass
class MemoryLedger:
    """Counts attempts as the real one does."""

    attempts: dict[int, int] = field(default_factory=dict)
    causes: dict[int, str] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    back: list[int] = field(default_factory=list)
    later: list[int] = field(default_factory=list)
    claims: list[list[int]] = field(default_factory=list)
    away: int = 0
    often: set[int] = field(default_factory=set)
    canary: ImageRef = field(default_factory=lambda: ref(99))
    """Served before, as far as the ledger knows; `often` came back often."""

    def claim(
        self, refs: Sequence[ImageRef], lease_seconds: float, *, alone: bool = True
    ) -> list[ImageRef]:
        self.away -= 1
        if self.away >= 0:
            raise DatabaseUnreachable("Postgres does not answer")
        waiting = [one for one in refs if one.id not in self.ended and one.id not in self.back]
        fresh = [one for one in waiting if self.attempts.get(one.id, 0) < 3]
        if not alone:
            fresh = [
                one
                for one in fresh
                if self.attempts.get(one.id, 0) <= 1 and one.id not in self.causes
            ]
        for one in fresh:
            self.attempts[one.id] = self.attempts.get(one.id, 0) + 1 if alone else 1
        self.claims.append([one.id for one in fresh])
        return fresh

    def release(self, image_ids: Sequence[int], *, delay: bool = False) -> int:
        self.back += image_ids
        if delay:
            self.later += image_ids
        for number in image_ids:
            self.attempts[number] -= 1
        return len(image_ids)

    def record_failure_cause(self, image_id: int, cause: str) -> None:
        self.causes[image_id] = cause

    def canaries(self, image_ids: Sequence[int]) -> dict[int, ImageRef]:
        return dict.fromkeys(self.often & set(image_ids), self.canary)


class World:
    """A pipeline and the fakes around it."""

    def __init__(
        self,
        photos: dict[str, bytes | Exception],
        recogniser: AlwaysReads | None = None,
        patience: float = 45,
        limits: Limits = LIMITS,
        store: MemoryStore | None = None,
    ) -> None:
        self.ending = False
        self.currents: list[int] = []
        self.store = store or MemoryStore(photos)
        self.recogniser = recogniser or AlwaysReads()
        self.ledger = MemoryLedger()
        self.saved: list[Outcome] = []
        self.pauses: list[float] = []
        self.save: Callable[[Sequence[Outcome]], None] = self.keep
        retry = RetryPolicy(patience, Backoff(0.01), self.pauses.append)
        self.pipeline = Pipeline(
            {"s3": self.store, "folder": self.store},
            self.recogniser,
            self.ledger,
            lambda outcomes: self.save(outcomes),
            limits,
            retry,
            WorkerSignals(lambda: self.ending, self.currents.append),
        )

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        self.saved += outcomes
        self.ledger.ended |= {outcome.image.id for outcome in outcomes}

    def process(self, *numbers: int, one_at_a_time: bool = False) -> None:
        chunk = Chunk(tuple(ref(number) for number in numbers))
        self.pipeline.process(chunk, one_at_a_time=one_at_a_time)

    def ends(self) -> dict[int, object]:
        """Returns the marks of images that are done, and the reasons of those that failed."""
        return {
            end.image.id: [plate.mark for plate in end.plates]
            if isinstance(end, ImageDone)
            else end.reason
            for end in self.saved
        }


def test_each_image_gets_its_own_plates_though_all_are_read_in_one_call() -> None:
    world = World({"1.png": photo(20), "2.png": photo(0, width=40), "3.png": photo(10)})
    world.process(1, 2, 3)
    assert world.ends() == {1: ["S20", "S20"], 2: [], 3: ["S10"]}
    assert world.recogniser.reading_calls == 1
    sizes = {
        end.image.id: (end.width, end.height) for end in world.saved if isinstance(end, ImageDone)
    }
    assert sizes == {1: (32, 24), 2: (40, 24), 3: (32, 24)}


def test_a_missing_image_is_recorded_and_not_retried() -> None:
    world = World({"1.png": photo(10)})
    world.process(1, 2)
    assert world.ends() == {1: ["S10"], 2: "missing"}
    assert world.store.reads.count("2.png") == 1
    assert world.pauses == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"no picture at all", "undecodable", id="text"),
        pytest.param(b"", "empty", id="no bytes"),
        pytest.param(photo(10)[:60], "truncated", id="cut"),
        pytest.param(photo(10, width=50_000), "too_large", id="too many pixels"),
    ],
)
def test_a_bad_image_fails_alone_with_its_reason(data: bytes, reason: str) -> None:
    world = World({"1.png": data, "2.png": photo(10)})
    world.process(1, 2)
    assert world.ends() == {1: reason, 2: ["S10"]}


def test_a_store_that_is_away_for_a_moment_is_waited_for() -> None:
    world = World({"1.png": photo(10), "2.png": photo(20)})
    world.store.fails = 3
    world.process(1, 2)
    assert world.ends() == {1: ["S10"], 2: ["S20", "S20"]}
    assert world.ledger.back == []
    assert world.ledger.attempts == {1: 1, 2: 1}


def test_an_image_that_came_back_often_fails_where_its_store_serves_another() -> None:
    photos = {"1.png": photo(10), "2.png": StoreUnreachable("busy"), "99.png": photo(10)}
    world = World(photos, patience=0)
    world.ledger.often = {2}
    world.process(1, 2, 3)
    assert world.ends() == {1: ["S10"], 2: "unavailable", 3: "missing"}
    assert world.ledger.back == []
    failed = next(end for end in world.saved if end.image.id == 2)
    assert isinstance(failed, ImageFailed)
    assert failed.detail == "its store serves others of car-park, and never this one: busy"


@pytest.mark.parametrize(
    ("often", "other", "ends"),
    [
        pytest.param({1, 2}, StoreUnreachable("busy"), {}, id="the store serves none"),
        pytest.param({1, 2}, BundleInvalid("this machine"), {}, id="this machine cannot ask"),
        pytest.param(set(), photo(10), {}, id="it did not come back often"),
        pytest.param({1}, photo(10), {1: "unavailable"}, id="one of them came back often"),
        pytest.param({1}, ImageMissing("gone"), {1: "unavailable"}, id="the other is gone since"),
    ],
)
def test_images_of_a_store_that_is_away_wait_however_often_they_came_back(
    often: set[int], other: bytes | Exception, ends: dict[int, object]
) -> None:
    away = StoreUnreachable("busy")
    world = World({"1.png": away, "2.png": away, "99.png": other}, patience=0)
    world.ledger.often = often
    world.process(1, 2)
    assert world.ends() == ends
    assert set(world.ledger.later) == {1, 2} - set(ends)


def test_an_image_that_is_served_once_the_store_is_back_waits() -> None:
    """The store came back just when the last retry was over."""
    world = World({"1.png": photo(10), "99.png": photo(10)}, patience=0)
    world.store.fails = 1
    world.ledger.often = {1}
    world.process(1)
    assert world.ends() == {}
    assert world.ledger.later == [1]
    assert world.store.reads == ["1.png", "99.png", "1.png"]


def test_only_what_its_store_does_not_serve_is_given_up() -> None:
    """This machine has no reader: its store is asked for nothing more."""
    recogniser = AlwaysReads(breaks_reading=TesseractMissing("install it"))
    world = World({"1.png": photo(10), "99.png": photo(10)}, recogniser, patience=0)
    world.ledger.often = {1}
    world.process(1)
    assert world.ends() == {}
    assert world.store.reads == ["1.png"]


def test_an_image_whose_turn_did_not_come_is_not_given_up() -> None:
    """Two reads that hang occupy both threads; the third never began."""
    limits = replace(LIMITS, fetch_seconds=0.2, chunk_seconds=0.6)
    store = HangingStore({"99.png": photo(10)})
    world = World({}, patience=0, limits=limits, store=store)
    world.ledger.often = {1, 2, 3}
    try:
        world.process(1, 2, 3)
    finally:
        store.over.set()
    assert world.ends() == {1: "unavailable", 2: "unavailable"}
    assert world.ledger.later == [3]


def test_images_of_a_store_that_stays_away_are_handed_back_after_the_rest_is_saved() -> None:
    world = World({"1.png": photo(10), "2.png": StoreUnreachable("busy")}, patience=0)
    world.process(1, 2)
    assert world.ends() == {1: ["S10"]}
    assert world.ledger.back == [2]
    assert world.ledger.later == [2]
    assert world.ledger.attempts[2] == 0


def test_a_machine_without_tesseract_blames_no_image() -> None:
    world = World({"1.png": photo(10)}, AlwaysReads(breaks_reading=TesseractMissing("gone")), 0)
    world.process(1)
    assert world.saved == []
    assert world.ledger.back == [1]


def test_a_database_that_is_away_for_a_moment_is_waited_for_with_the_results_in_hand() -> None:
    world = World({"1.png": photo(10)})
    world.ledger.away = 2
    failures = iter([DatabaseUnreachable("restarting"), DatabaseUnreachable("restarting")])

    def save(outcomes: Sequence[Outcome]) -> None:
        if fault := next(failures, None):
            raise fault
        world.keep(outcomes)

    world.save = save
    world.process(1)
    assert world.ends() == {1: ["S10"]}
    assert world.store.reads == ["1.png"]


def test_a_database_that_stays_away_leaves_the_message_to_be_sent_again() -> None:
    world = World({"1.png": photo(10)}, patience=0)
    world.ledger.away = 1
    with pytest.raises(DatabaseUnreachable):
        world.process(1)
    world.process(1, one_at_a_time=True)
    assert world.ends() == {1: ["S10"]}


def test_a_chunk_delivered_twice_does_nothing_the_second_time() -> None:
    world = World({"1.png": photo(10)})
    world.process(1)
    world.process(1, one_at_a_time=True)
    assert len(world.saved) == 1
    assert world.store.reads == ["1.png"]


@pytest.mark.parametrize(
    "recogniser",
    [
        pytest.param(AlwaysReads(breaks_at=70), id="while looking"),
        pytest.param(AlwaysReads(breaks_reading=ReaderFailed("crashed")), id="while reading"),
    ],
)
def test_an_image_that_crashes_is_raised_and_counted(recogniser: AlwaysReads) -> None:
    world = World({"1.png": photo(70)}, recogniser)
    with pytest.raises((RuntimeError, ReaderFailed)):
        world.process(1)
    assert world.saved == []
    assert world.ledger.back == []
    assert world.ledger.attempts == {1: 1}
    assert world.ledger.causes == {1: "crashed"}


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (SoftTimeLimitExceeded(), "timed_out"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("a fault of ours"), "crashed"),
        (KeyError("so is this"), "crashed"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_the_cause_of_a_crash_is_recorded(error: Exception, cause: str, alone: bool) -> None:
    world = World({"1.png": photo(70), "2.png": photo(10)}, AlwaysReads(70, error))
    with pytest.raises(type(error)):
        world.process(1, 2, one_at_a_time=alone)
    assert world.ledger.causes == {1: cause}


def test_memory_that_opencv_cannot_have_is_told_as_such() -> None:
    no_memory = cv2.error("Insufficient memory")
    no_memory.code = cv2.Error.StsNoMem
    world = World({"1.png": photo(70)}, AlwaysReads(70, no_memory))
    with pytest.raises(cv2.error):
        world.process(1)
    assert world.ledger.causes == {1: "out_of_memory"}


def test_the_mates_of_an_image_that_crashes_are_done_in_the_same_pass() -> None:
    world = World(
        {"1.png": photo(10), "2.png": photo(70), "3.png": photo(20)}, AlwaysReads(breaks_at=70)
    )
    with pytest.raises(RuntimeError):
        world.process(1, 2, 3)
    assert world.ends() == {1: ["S10"], 3: ["S20", "S20"]}


class Hoard:
    """Memory that can be seen to be freed."""


@dataclass
class Hoards(AlwaysReads):
    """Runs out of memory at one picture, and records whether that is still held at the next."""

    told_otherwise: bool = False
    taken: "list[weakref.ref[Hoard]]" = field(default_factory=list)
    held: list[bool] = field(default_factory=list)

    def find(self, picture: Photo) -> list[DetectedPlate]:
        self.held += [hoard() is not None for hoard in self.taken]
        try:
            self._take(picture)
        except MemoryError:
            if self.told_otherwise:
                raise RuntimeError("no picture") from None
            raise
        return super().find(picture)

    def _take(self, picture: Photo) -> None:
        hoard = Hoard()
        if int(picture[0, 0, 0]) == self.breaks_at:
            self.taken.append(weakref.ref(hoard))
            raise MemoryError


@pytest.mark.parametrize("told_otherwise", [False, True])
def test_what_an_image_took_until_it_broke_us_is_given_back_before_the_next_one(
    told_otherwise: bool,
) -> None:
    recogniser = Hoards(breaks_at=70, told_otherwise=told_otherwise)
    world = World({"1.png": photo(70), "2.png": photo(10)}, recogniser)
    with pytest.raises((MemoryError, RuntimeError)):
        world.process(1, 2)
    assert recogniser.held == [False]


def test_an_image_that_crashes_ends_after_three_tries() -> None:
    world = World(
        {"1.png": photo(10), "2.png": photo(70), "3.png": photo(20)}, AlwaysReads(breaks_at=70)
    )
    deliveries = 0
    while deliveries < 10:
        try:
            world.process(1, 2, 3, one_at_a_time=deliveries > 0)
        except RuntimeError:
            deliveries += 1
        else:
            break
    assert deliveries == 3
    assert world.ends() == {1: ["S10"], 3: ["S20", "S20"]}
    assert world.ledger.attempts == {1: 1, 2: 3, 3: 1}


def test_an_image_that_has_a_failure_cause_is_processed_alone_in_a_new_message_too() -> None:
    world = World({f"{number}.png": photo(10) for number in range(1, 5)})
    world.ledger.attempts = {2: 2}
    world.ledger.causes = {3: "timed_out"}
    world.process(1, 2, 3, 4)
    assert world.ledger.claims == [[1, 4], [2], [3]]
    assert len(world.ends()) == 4


def test_groups_that_are_broken_off_by_others_cost_their_images_one_attempt_at_most() -> None:
    """Killed with its machine, say, and sent again as a new message when the lease was over."""
    world = World({"1.png": photo(10), "2.png": photo(20)}, patience=0)
    for _ in range(5):
        world.save = raise_unreachable
        with pytest.raises(DatabaseUnreachable):
            world.process(1, 2)
    world.save = world.keep
    world.process(1, 2)
    assert len(world.ends()) == 2
    assert world.ledger.attempts == {1: 1, 2: 1}


def raise_unreachable(_: object) -> None:
    raise DatabaseUnreachable("its machine is gone")


def test_one_at_a_time_claims_each_image_only_when_its_turn_comes() -> None:
    world = World(
        {"1.png": photo(10), "2.png": photo(70), "3.png": photo(20)}, AlwaysReads(breaks_at=70)
    )
    claims: list[int] = []
    world.recogniser.looked = lambda: claims.append(len(world.ledger.claims))
    with pytest.raises(RuntimeError):
        world.process(1, 2, 3, one_at_a_time=True)
    assert world.ledger.claims == [[1], [2], [3]]
    assert claims == [1, 2, 3]


def test_when_the_time_is_up_the_others_stay_with_the_message() -> None:
    """Released, they would be sent in another message, and processed twice at once."""
    world = World(
        {"1.png": photo(10), "2.png": photo(70), "3.png": photo(20)},
        AlwaysReads(70, SoftTimeLimitExceeded()),
    )
    with pytest.raises(SoftTimeLimitExceeded):
        world.process(1, 2, 3)
    assert world.ends() == {1: ["S10"]}
    assert world.ledger.back == []


def test_a_time_limit_before_an_image_has_arrived_blames_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World({"1.png": photo(10)})

    def strike(*_: object) -> bytes:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(world.pipeline._fetcher, "await_bytes", strike)
    with pytest.raises(SoftTimeLimitExceeded):
        world.process(1)
    assert world.ledger.causes == {}


def test_a_failure_cause_that_cannot_be_recorded_hides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World({"1.png": photo(70)}, AlwaysReads(breaks_at=70))
    monkeypatch.setattr(world.ledger, "record_failure_cause", lambda *_: raise_unreachable(_))
    with pytest.raises(RuntimeError):
        world.process(1)


def test_what_kills_the_process_can_be_told_from_the_current_image() -> None:
    world = World({"1.png": photo(10), "2.png": photo(20)})
    seen: list[list[int]] = []
    world.recogniser.looked = lambda: seen.append([*world.currents])
    world.process(1, 2)
    assert seen == [[1], [1, 0, 2]]
    assert world.currents[-1] == 0


def test_a_worker_that_ends_finishes_the_image_in_hand_and_hands_the_rest_back_at_once() -> None:
    world = World({f"{number}.png": photo(10) for number in range(1, 40)})

    def end() -> None:
        world.ending = True

    world.recogniser.looked = end
    world.process(*range(1, 40))
    assert world.ends() == {1: ["S10"]}
    assert sorted(world.ledger.back) == list(range(2, 40))
    assert world.ledger.later == []
    assert {world.ledger.attempts[number] for number in range(2, 40)} == {0}


@pytest.mark.parametrize("alone", [True, False])
def test_a_worker_that_ends_waits_for_no_store(
    alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, gate = World({"1.png": photo(10), "2.png": photo(10)}), threading.Event()
    read = world.store.read

    def slow(*arguments: Any, **options: Any) -> bytes:
        world.ending = True
        gate.wait(20)
        return read(*arguments, **options)

    monkeypatch.setattr(world.store, "read", slow)
    world.process(1, 2, one_at_a_time=alone)
    gate.set()
    assert sorted(world.ledger.back) == [1, 2]
    assert world.ledger.later == []


def test_a_worker_that_ends_while_a_store_is_away_tries_no_more() -> None:
    world = World({"1.png": StoreUnreachable("busy")})

    def end(seconds: float) -> None:
        world.ending = True

    world.pipeline._retry = RetryPolicy(45, Backoff(0.01), end, lambda: world.ending)
    world.process(1)
    assert world.store.reads == ["1.png"]
    assert world.ledger.back == [1]


def test_only_a_few_photographs_are_fetched_ahead() -> None:
    world = World({f"{number}.png": photo(10) for number in range(1, 20)})
    fetched = world.pipeline._fetcher.fetch([ref(number) for number in range(1, 20)])
    for _ in range(3):
        next(fetched)[1].result()
    assert len(world.store.reads) <= 3 + 2 * LIMITS.fetch_threads


def test_a_large_chunk_is_saved_as_it_goes() -> None:
    photos: dict[str, bytes | Exception] = {
        f"{number}.png": photo(10) for number in range(GROUP_IMAGES)
    }
    world = World({**photos, f"{GROUP_IMAGES}.png": photo(70)}, AlwaysReads(breaks_at=70))
    with pytest.raises(RuntimeError):
        world.process(*range(GROUP_IMAGES + 1))
    assert len(world.ends()) == GROUP_IMAGES


def test_a_store_that_stays_away_is_waited_for_once_and_the_rest_handed_back() -> None:
    """Waiting once for each image, the soft time limit would strike at whichever was in hand."""
    away: dict[str, bytes | Exception] = {f"{n}.png": StoreUnreachable("busy") for n in range(9)}
    world = World(away, patience=0)
    world.process(*range(9), one_at_a_time=True)
    assert world.store.reads == ["0.png"]
    assert sorted(world.ledger.back) == list(range(9))
    assert set(world.ledger.attempts.values()) == {0}


def test_of_images_not_begun_only_those_that_are_ours_are_handed_back() -> None:
    world = World({"1.png": StoreUnreachable("busy")}, patience=0)
    world.ledger.ended = {2}
    world.process(1, 2, 3, one_at_a_time=True)
    assert world.ledger.back == [1, 3]


def test_a_chunk_that_has_taken_long_begins_nothing_more_and_hands_the_rest_back() -> None:
    limits = replace(LIMITS, chunk_seconds=0)
    world = World({"1.png": photo(10), "2.png": photo(10)}, limits=limits)
    world.process(1, 2, one_at_a_time=True)
    assert world.saved == []
    assert world.ledger.back == [1, 2]


def test_a_time_limit_while_waiting_for_a_store_costs_no_attempt() -> None:
    world = World({"1.png": StoreUnreachable("busy")})

    def strike(seconds: float) -> None:
        raise RuntimeError("time is up")

    world.pipeline._retry = RetryPolicy(45, Backoff(0.01), strike)
    with pytest.raises(RuntimeError):
        world.process(1)
    assert world.ledger.attempts == {1: 0}
    assert world.ledger.back == [1]


def test_fetches_of_a_chunk_that_broke_are_given_up() -> None:
    world, gate = World({f"{number}.png": photo(10) for number in range(4)}), threading.Event()
    for _ in range(LIMITS.fetch_threads):
        world.pipeline._fetcher.threads.submit(gate.wait)
    fetched = world.pipeline._fetcher.fetch([ref(number) for number in range(4)])
    next(fetched)
    fetched.close()
    gate.set()
    world.pipeline._fetcher.threads.shutdown()
    assert world.store.reads == ["0.png"]


def test_only_what_happens_with_an_image_is_logged_with_its_key() -> None:
    world = World({"1.png": b"no picture", "2.png": photo(70)}, AlwaysReads(breaks_at=70))
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as events:
        with pytest.raises(RuntimeError):
            world.process(1, 2)
        world.pipeline._ledger = MemoryLedger(ended={1, 2})
        world.process(1)
    assert [event.get("key") for event in events if event["event"] == "image_broke_us"] == ["2.png"]
    assert [event.get("key") for event in events if event["event"] == "chunk_done"] == [
        None,
        None,
    ]
