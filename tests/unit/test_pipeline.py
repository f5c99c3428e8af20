"""What becomes of the images of a chunk, with every room beside the pipeline replaced by a fake."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest
import structlog

from hkplates.database.results import ImageDone, Outcome
from hkplates.errors import (
    DatabaseUnreachable,
    ImageMissing,
    ReaderFailed,
    StoreUnreachable,
    TesseractMissing,
)
from hkplates.jobs import Chunk, ImageRef
from hkplates.recognition.types import Detection, Found, Photo, PlateReading, Quad
from hkplates.storage.base import Entry
from workers.patience import Patience
from workers.pipeline import GROUP, Limits, Pipeline

LIMITS = Limits(lease_seconds=900, fetch_threads=2, max_image_bytes=10**6, max_image_pixels=10**6)
QUAD = Quad((1.0, 1.0), (20.0, 1.0), (20.0, 8.0), (1.0, 8.0))


def photo(shade: int, width: int = 32) -> bytes:
    """A plain picture; a fake recogniser finds one plate for each 10 of its shade."""
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
class AlwaysReads:
    """Finds one plate for each 10 of the picture's shade, and reads the shade as its mark."""

    breaks_at: int = -1
    breaks_reading: Exception | None = None
    reading_calls: int = 0

    def find(self, picture: Photo) -> list[Found]:
        shade = int(picture[0, 0, 0])
        if shade == self.breaks_at:
            raise RuntimeError("a fault of ours")
        crop = picture[:8, :20].copy()
        return [Found(Detection(QUAD, 0.9, "HK"), crop) for _ in range(shade // 10)]

    def read(self, found: Sequence[Found]) -> list[PlateReading]:
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
    ended: set[int] = field(default_factory=set)
    back: list[int] = field(default_factory=list)
    claims: list[list[int]] = field(default_factory=list)
    away: int = 0

    def claim(self, refs: Sequence[ImageRef], lease_seconds: float) -> list[ImageRef]:
        self.away -= 1
        if self.away >= 0:
            raise DatabaseUnreachable("Postgres does not answer")
        fresh = [
            one for one in refs if one.id not in self.ended and self.attempts.get(one.id, 0) < 3
        ]
        for one in fresh:
            self.attempts[one.id] = self.attempts.get(one.id, 0) + 1
        self.claims.append([one.id for one in fresh])
        return fresh

    def hand_back(self, image_ids: Sequence[int]) -> int:
        self.back += image_ids
        for number in image_ids:
            self.attempts[number] -= 1
        return len(image_ids)


class World:
    """A pipeline and the fakes around it."""

    def __init__(
        self,
        photos: dict[str, bytes | Exception],
        recogniser: AlwaysReads | None = None,
        patience: float = 45,
        limits: Limits = LIMITS,
    ) -> None:
        self.store = MemoryStore(photos)
        self.recogniser = recogniser or AlwaysReads()
        self.ledger = MemoryLedger()
        self.saved: list[Outcome] = []
        self.pauses: list[float] = []
        self.save: Callable[[Sequence[Outcome]], None] = self.keep
        patience = Patience(patience, first_pause=0.01, sleep=self.pauses.append)
        self.pipeline = Pipeline(
            {"s3": self.store, "folder": self.store},
            self.recogniser,
            self.ledger,
            lambda outcomes: self.save(outcomes),
            limits,
            patience,
        )

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        self.saved += outcomes
        self.ledger.ended |= {outcome.image.id for outcome in outcomes}

    def process(self, *numbers: int, one_at_a_time: bool = False) -> None:
        chunk = Chunk(tuple(ref(number) for number in numbers))
        self.pipeline.process(chunk, one_at_a_time=one_at_a_time)

    def ends(self) -> dict[int, object]:
        """Marks of images that are done, reasons of those that failed."""
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
    sizes = {end.image.id: (end.width, end.height) for end in world.saved}  # type: ignore[union-attr]
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


def test_images_of_a_store_that_stays_away_are_handed_back_after_the_rest_is_saved() -> None:
    world = World({"1.png": photo(10), "2.png": StoreUnreachable("busy")}, patience=0)
    world.process(1, 2)
    assert world.ends() == {1: ["S10"]}
    assert world.ledger.back == [2]
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
def test_an_image_that_breaks_us_is_raised_and_counted(recogniser: AlwaysReads) -> None:
    world = World({"1.png": photo(70)}, recogniser)
    with pytest.raises((RuntimeError, ReaderFailed)):
        world.process(1)
    assert world.saved == []
    assert world.ledger.back == []
    assert world.ledger.attempts == {1: 1}


def test_an_image_that_breaks_us_ends_after_three_tries_and_its_mates_are_done() -> None:
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


def test_one_at_a_time_claims_each_image_only_when_its_turn_comes() -> None:
    world = World(
        {"1.png": photo(10), "2.png": photo(70), "3.png": photo(20)}, AlwaysReads(breaks_at=70)
    )
    with pytest.raises(RuntimeError):
        world.process(1, 2, 3, one_at_a_time=True)
    assert world.ledger.claims == [[1], [2]]
    assert world.ends() == {1: ["S10"]}


def test_only_a_few_photographs_are_fetched_ahead() -> None:
    world = World({f"{number}.png": photo(10) for number in range(1, 20)})
    fetched = world.pipeline._fetch([ref(number) for number in range(1, 20)])
    for _ in range(3):
        next(fetched)[1].result()
    assert len(world.store.reads) <= 3 + 2 * LIMITS.fetch_threads


def test_a_large_chunk_is_saved_as_it_goes() -> None:
    photos: dict[str, bytes | Exception] = {f"{number}.png": photo(10) for number in range(GROUP)}
    world = World({**photos, f"{GROUP}.png": photo(70)}, AlwaysReads(breaks_at=70))
    with pytest.raises(RuntimeError):
        world.process(*range(GROUP + 1))
    assert len(world.ends()) == GROUP


def test_a_store_that_stays_away_is_waited_for_once_and_the_rest_handed_back() -> None:
    """Once for each image, the soft time limit would strike, and blame whichever was in hand."""
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

    world.pipeline._patience = Patience(45, first_pause=0.01, sleep=strike)
    with pytest.raises(RuntimeError):
        world.process(1)
    assert world.ledger.attempts == {1: 0}
    assert world.ledger.back == [1]


def test_fetches_of_a_chunk_that_broke_are_given_up() -> None:
    world, gate = World({f"{number}.png": photo(10) for number in range(4)}), threading.Event()
    for _ in range(LIMITS.fetch_threads):
        world.pipeline._threads.submit(gate.wait)
    fetched = world.pipeline._fetch([ref(number) for number in range(4)])
    next(fetched)
    fetched.close()
    gate.set()
    world.pipeline._threads.shutdown()
    assert world.store.reads == ["0.png"]


def test_only_what_happens_with_an_image_is_logged_with_its_key() -> None:
    world = World({"1.png": b"no picture", "2.png": photo(70)}, AlwaysReads(breaks_at=70))
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as events:
        with pytest.raises(RuntimeError):
            world.process(1, 2)
        world.pipeline._ledger = MemoryLedger(ended={1, 2})
        world.process(1)
    assert [event.get("key") for event in events if event["event"] == "image_broke_us"] == ["2.png"]
    assert [event.get("key") for event in events if event["event"] == "chunk_done"] == [None]
