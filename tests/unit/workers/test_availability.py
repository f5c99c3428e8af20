"""Images that their store will never serve, probed in stores that are slow, hang or refuse."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import cast

import pytest

from hkplates.errors import StoreUnreachable
from hkplates.jobs import ImageRef
from hkplates.storage.base import Store
from workers.chunk.availability import UnavailableObjectProbe
from workers.chunk.state import DeferredImage, Limits

CANDIDATES = [ImageRef(n, "s3", "b", f"{n}", "e") for n in range(1, 25)]
CANARY = ImageRef(99, "s3", "b", "canary", "e")
LIMITS = Limits(
    lease_seconds=900,
    fetch_threads=8,
    max_image_bytes=1,
    max_image_pixels=1,
    chunk_seconds=1,
)


@dataclass
class Archive:
    """Serves everything after some seconds, but for what it refuses and where it hangs."""

    seconds: float = 0.0
    refuses: Sequence[str] = ()
    hangs: Sequence[str] = ()
    over: Event = field(default_factory=Event)

    def read(self, _bucket: str, key: str, _etag: str, *, limit: int) -> bytes:
        if key in self.hangs:
            self.over.wait()
        time.sleep(self.seconds)
        if key in self.refuses:
            raise StoreUnreachable("it is busy")
        return b"x" * limit


@pytest.fixture
def archive() -> Iterator[Archive]:
    archive = Archive()
    yield archive
    archive.over.set()


def unavailable(archive: Archive, seconds: float) -> dict[str, str]:
    """Probes all candidates and returns the keys of those at fault, with the detail."""
    probe = UnavailableObjectProbe(
        lambda image_ids: dict.fromkeys(image_ids, CANARY),
        {"s3": cast(Store, archive)},
        LIMITS,
        should_stop=lambda: False,
    )
    deferred = [DeferredImage(one, StoreUnreachable("it is away")) for one in CANDIDATES]
    failed = probe.find_unavailable(deferred, time.monotonic() + seconds)
    return {one.image.key: one.detail for one in failed}


def test_a_store_that_is_slow_and_healthy_fails_no_image(archive: Archive) -> None:
    """The last eight have begun when the time is up."""
    archive.seconds = 0.6
    assert unavailable(archive, 1.6) == {}


def test_an_image_that_hangs_takes_nobodys_turn_and_counts(archive: Archive) -> None:
    archive.seconds = 0.1
    archive.hangs = ["1"]
    archive.refuses = ["20"]
    failed = unavailable(archive, 1.6)
    assert list(failed) == ["1", "20"]
    assert failed["1"].endswith("too slow: an image did not arrive in time")
    assert failed["20"].endswith("it is busy")


def test_more_images_that_hang_than_threads_are_probed_in_turns(archive: Archive) -> None:
    archive.hangs = [one.key for one in CANDIDATES]
    assert list(unavailable(archive, 1.6)) == [one.key for one in CANDIDATES[:8]]
