"""Stalls are found from the backlog, and each is reported once."""

import pytest

from hkplates.database.queries.backlog import Backlog
from producer.stall import (
    CANNOT_LOAD,
    NO_WORKER,
    NOT_SENT,
    STORE_UNREACHABLE,
    StallOver,
    StallWatch,
    find_stall,
)


def work(
    idle: float = 600, left: int = 5, queued: int = 5, begun: bool = False, returned: bool = False
) -> Backlog:
    return Backlog(1, left, queued, begun, returned, None, None, idle)


def test_work_that_goes_on_is_no_stall() -> None:
    assert find_stall(work(idle=599), 10) is None


def test_without_work_nothing_stalls() -> None:
    assert find_stall(work(left=0), 10) is None


@pytest.mark.parametrize(
    ("seen", "causes"),
    [
        pytest.param(work(), (NO_WORKER,), id="sent and not begun"),
        pytest.param(work(begun=True), (CANNOT_LOAD,), id="begun and not ended"),
        pytest.param(work(queued=0), (NOT_SENT,), id="not sent"),
        pytest.param(work(queued=0, returned=True), (STORE_UNREACHABLE,), id="came back"),
        pytest.param(work(returned=True), (STORE_UNREACHABLE,), id="came back, and a probe is out"),
        pytest.param(work(begun=True, returned=True), (STORE_UNREACHABLE, CANNOT_LOAD), id="both"),
    ],
)
def test_the_likely_causes_are_derived_from_what_became_of_the_images(
    seen: Backlog, causes: tuple[str, ...]
) -> None:
    stall = find_stall(seen, 10)
    assert stall is not None
    assert stall.causes == causes
    assert str(stall).startswith("Nothing has ended for 10 minutes although work waits. Likely: ")


def test_each_stall_is_reported_once_and_its_end_once() -> None:
    watch = StallWatch(10)
    changes = [watch.update(work(idle)) for idle in (0, 600, 700, 800, 1, 2, 900)]
    assert [one is not None for one in changes] == [False, True, False, False, True, False, True]
    assert changes[4] == StallOver(800)
