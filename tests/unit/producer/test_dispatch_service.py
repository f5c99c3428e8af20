"""The service: whatever is away, it waits, tells it once, and goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from cli.submissions.dispatch import format_cycle
from hkplates.database.queries.backlog import Backlog
from hkplates.errors import BrokerUnreachable, DatabaseUnreachable, TemporaryFault
from hkplates.signals import StopSignal
from producer.dispatch_service import MAX_PAUSE_SECONDS, Cycle, DispatchService, Outage
from producer.dispatcher import DispatchResult
from producer.stall import StallWatch

REDIS, POSTGRES = BrokerUnreachable("no Redis"), DatabaseUnreachable("no Postgres")
IDLE = Backlog(0, 0, 0, False, False, None, None, 0)
STALLED = Backlog(1, 5, 5, False, False, None, None, 900)


@dataclass
class Script:
    """What becomes of each round, in turn; at the end the service is asked to stop."""

    rounds: Iterator[DispatchResult | TemporaryFault]
    stop: StopSignal

    def fill(self) -> DispatchResult:
        outcome = next(self.rounds, None)
        if outcome is None:
            self.stop.signal = 15
            return DispatchResult()
        if isinstance(outcome, TemporaryFault):
            raise outcome
        return outcome


@dataclass
class Sleepless(StopSignal):
    """Remembers how long it was to sleep."""

    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def run(*rounds: DispatchResult | TemporaryFault, works: tuple[Backlog, ...] = ()) -> list[str]:
    """The events of a run with these rounds."""
    stop, looks, now = Sleepless(), iter(works), iter(range(0, 10_000, 100))
    service = DispatchService(
        Script(iter(rounds), stop),  # type: ignore[arg-type]
        list,
        lambda: next(looks, IDLE),
        StallWatch(10),
        stop,
        lambda: float(next(now)),
    )
    with capture_logs() as logs:
        service.run()
    return [str(line["event"]) for line in logs]


def test_it_runs_until_it_is_asked_to_stop() -> None:
    assert run(DispatchResult(), DispatchResult()) == ["dispatch_begins", "dispatch_ends"]


def test_each_service_that_is_away_is_told_once_in_an_outage_and_once_when_all_is_back() -> None:
    events = run(
        REDIS, REDIS, POSTGRES, REDIS, DispatchResult(), DispatchResult(), REDIS, DispatchResult()
    )
    away, back = ["service_away"], ["service_back"]
    assert events[1:-1] == [*away, *away, *back, *away, *back]


def test_what_was_lost_is_told() -> None:
    assert run(DispatchResult(expired=3, lost=2))[1:-1] == ["leases_expired", "messages_lost"]


def test_a_stall_is_told_once_and_once_when_it_is_over() -> None:
    events = run(*[DispatchResult()] * 4, works=(IDLE, STALLED, STALLED, IDLE))
    assert events[1:-1] == ["stalled", "stall_over"]


def test_pauses_grow_up_to_a_bound_and_begin_anew_after_an_outage() -> None:
    outage = Outage()
    pauses = [outage.pause(REDIS) for _ in range(12)]
    assert pauses[0] <= 0.5
    assert min(pauses[6:]) >= MAX_PAUSE_SECONDS / 2
    assert max(pauses) <= MAX_PAUSE_SECONDS
    outage.over()
    assert outage.pause(REDIS) <= 0.5


def test_a_fault_that_is_not_temporary_is_not_hidden() -> None:
    stop = Sleepless()
    script = Script(iter([]), stop)
    service = DispatchService(script, lambda: 1 / 0, lambda: IDLE, StallWatch(10), stop)  # type: ignore
    with pytest.raises(ZeroDivisionError):
        service.run()


def test_a_round_is_told_in_numbers_that_read_well() -> None:
    assert format_cycle(Cycle(DispatchResult(images=4, messages=1, expired=1), ())) == (
        "4 images sent in 1 message; 1 lease had run out; submissions finished: none."
    )
    assert format_cycle(Cycle(DispatchResult(images=1, messages=2), (3, 4))) == (
        "1 image sent in 2 messages; 0 leases had run out; submissions finished: 3, 4."
    )
