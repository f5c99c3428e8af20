"""Retries while a service is away: pauses, deadline, stop and reports."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from hkplates.errors import (
    BrokerUnreachable,
    DatabaseUnreachable,
    ImageMissing,
    StoreUnreachable,
    TemporaryFault,
)
from hkplates.retry import Backoff, RetryPolicy

EVEN = Backoff(1, 1, jitter=(1, 1))
REDIS, POSTGRES = BrokerUnreachable("no Redis"), DatabaseUnreachable("no Postgres")


@dataclass
class Outage:
    """Raises faults in turn, then succeeds; time passes while the caller sleeps, and `seconds` in
    each attempt."""

    faults: Iterator[TemporaryFault]
    seconds: float = 0.0
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def operation(self) -> str:
        self.now += self.seconds
        if fault := next(self.faults, None):
            raise fault
        return "done"


def outage(*faults: TemporaryFault, seconds: float = 0.0) -> Outage:
    return Outage(iter(faults), seconds)


def test_pauses_double_up_to_the_longest_and_are_spread() -> None:
    pauses: list[float] = []
    attempts = RetryPolicy(1000, Backoff(1, 4), sleep=pauses.append).attempts()
    assert [next(attempts) for _ in range(5)] == [1, 2, 3, 4, 5]
    for pause, middle in zip(pauses, (1, 2, 4, 4), strict=True):
        assert middle / 2 <= pause <= middle * 1.5
    assert pauses[2] != pauses[3]


def test_an_operation_succeeds_once_its_service_is_back() -> None:
    away = outage(REDIS, REDIS)
    assert RetryPolicy(10, EVEN, away.sleep, clock=away.clock).call(away.operation) == "done"
    assert away.slept == [1, 1]


def test_the_last_fault_is_raised_when_the_time_is_up() -> None:
    with pytest.raises(StoreUnreachable):
        RetryPolicy(max_seconds=0).call(outage(StoreUnreachable("busy")).operation)


@pytest.mark.parametrize(
    ("from_first_fault", "pauses"), [(False, 0), (True, 1)], ids=["from the start", "from a fault"]
)
def test_a_slow_attempt_counts_where_the_time_is_counted_from_the_start(
    from_first_fault: bool, pauses: int
) -> None:
    away = outage(REDIS, POSTGRES, POSTGRES, seconds=5)
    policy = RetryPolicy(5, EVEN, away.sleep, clock=away.clock, from_first_fault=from_first_fault)
    with pytest.raises(TemporaryFault):
        policy.call(away.operation)
    assert len(away.slept) == pauses


def test_a_stop_ends_the_wait_with_the_fault() -> None:
    away = outage(REDIS, POSTGRES)
    policy = RetryPolicy(10, EVEN, away.sleep, should_stop=lambda: True, clock=away.clock)
    with pytest.raises(BrokerUnreachable):
        policy.call(away.operation)
    assert away.slept == [1]


def test_what_is_not_temporary_is_not_tried_again() -> None:
    calls: list[int] = []

    def missing() -> None:
        calls.append(1)
        raise ImageMissing("gone")

    with pytest.raises(ImageMissing):
        RetryPolicy(backoff=Backoff(0)).call(missing)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("once_per", "reported"),
    [
        pytest.param(None, [REDIS, REDIS, POSTGRES, REDIS], id="each"),
        pytest.param(type, [REDIS, POSTGRES], id="once for each class"),
    ],
)
def test_faults_are_reported_and_the_end_of_their_outage_once(
    once_per: Callable[[TemporaryFault], object] | None, reported: list[TemporaryFault]
) -> None:
    away = outage(REDIS, REDIS, POSTGRES, REDIS)
    faults: list[TemporaryFault] = []
    recoveries: list[float] = []
    policy = RetryPolicy(
        10,
        EVEN,
        away.sleep,
        clock=away.clock,
        report_once_per=once_per,
        on_fault=lambda fault, attempt, pause: faults.append(fault),
        on_recovery=recoveries.append,
    )
    policy.call(away.operation)
    policy.call(away.operation)
    assert faults == reported
    assert recoveries == [4.0]


def test_the_last_fault_is_reported_without_a_pause() -> None:
    away = outage(REDIS, REDIS)
    reports: list[tuple[int, float | None]] = []
    policy = RetryPolicy(
        1,
        EVEN,
        away.sleep,
        clock=away.clock,
        on_fault=lambda fault, attempt, pause: reports.append((attempt, pause)),
    )
    with pytest.raises(BrokerUnreachable):
        policy.call(away.operation)
    assert reports == [(1, 1.0), (2, None)]
