"""The dispatch service waits for what is away, logs it once and goes on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from structlog.testing import capture_logs

from cli.submissions.dispatch import format_cycle
from hkplates.database.queries.backlog import Backlog
from hkplates.errors import BrokerUnreachable, DatabaseUnreachable, TemporaryFault
from hkplates.signals import StopSignal
from producer.dispatch_service import (
    BACKOFF,
    POLL_SECONDS,
    Cycle,
    DispatchService,
    retry_until_stopped,
)
from producer.dispatcher import DispatchResult
from producer.stall import StallWatch

REDIS, POSTGRES = BrokerUnreachable("no Redis"), DatabaseUnreachable("no Postgres")
IDLE = Backlog(0, 0, 0, False, False, None, None, 0)
STALLED = Backlog(1, 5, 5, False, False, None, None, 900)


@dataclass
class Script:
    """Yields the outcome of each cycle in turn; at the end it requests the stop."""

    cycles: Iterator[DispatchResult | TemporaryFault]
    stop: StopSignal

    def fill(self) -> DispatchResult:
        outcome = next(self.cycles, None)
        if outcome is None:
            self.stop.signal = 15
            return DispatchResult()
        if isinstance(outcome, TemporaryFault):
            raise outcome
        return outcome


@dataclass
class Sleepless(StopSignal):
    """Records pauses in place of sleeping."""

    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def service(
    script: Script, stop: StopSignal, backlogs: tuple[Backlog, ...] = ()
) -> DispatchService:
    """A service over scripted cycles; each look at its clock is 100 seconds later."""
    read, now = iter(backlogs), count(0, 100)
    return DispatchService(
        script.fill,
        list,
        lambda: next(read, IDLE),
        StallWatch(10),
        stop,
        lambda: float(next(now)),
    )


def run(*cycles: DispatchResult | TemporaryFault, backlogs: tuple[Backlog, ...] = ()) -> list[str]:
    """Runs these cycles and returns the events logged."""
    stop = Sleepless()
    with capture_logs() as logs:
        service(Script(iter(cycles), stop), stop, backlogs).run()
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
    events = run(*[DispatchResult()] * 4, backlogs=(IDLE, STALLED, STALLED, IDLE))
    assert events[1:-1] == ["stalled", "stall_over"]


def test_pauses_grow_up_to_a_bound_and_begin_anew_after_an_outage() -> None:
    stop = Sleepless()
    script = Script(iter([REDIS] * 12 + [DispatchResult()] + [REDIS]), stop)
    service(script, stop).run()
    pauses = stop.slept[:12]
    assert pauses[0] <= BACKOFF.first
    assert min(pauses[6:]) >= BACKOFF.longest / 2
    assert max(pauses) <= BACKOFF.longest
    assert stop.slept[12] == POLL_SECONDS
    assert stop.slept[13] <= BACKOFF.first


def test_a_stop_ends_an_outage() -> None:
    stop = Sleepless()

    def refuse() -> None:
        stop.signal = 15
        raise REDIS

    assert retry_until_stopped(refuse, stop) is None


def test_a_fault_that_is_not_temporary_is_not_hidden() -> None:
    stop = Sleepless()
    failing = service(Script(iter([]), stop), stop)
    failing.finish_submissions = lambda: [1 // 0]
    with pytest.raises(ZeroDivisionError):
        failing.run()


def test_a_cycle_is_told_in_numbers_that_read_well() -> None:
    assert format_cycle(Cycle(DispatchResult(images=4, messages=1, expired=1), ())) == (
        "4 images sent in 1 message; 1 lease had run out; submissions finished: none."
    )
    assert format_cycle(Cycle(DispatchResult(images=1, messages=2), (3, 4))) == (
        "1 image sent in 2 messages; 0 leases had run out; submissions finished: 3, 4."
    )
