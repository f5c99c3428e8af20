"""Keeps the queue filled for all submissions, cycle by cycle (`hkplates dispatch`)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from hkplates.database.queries.backlog import Backlog
from hkplates.errors import TemporaryFault
from hkplates.retry import Backoff, RetryPolicy
from hkplates.signals import StopSignal
from producer.dispatcher import DispatchResult
from producer.stall import Stall, StallWatch

log = structlog.get_logger()
Result = TypeVar("Result")

POLL_SECONDS = 0.5
BACKOFF = Backoff(POLL_SECONDS, longest=15.0, jitter=(0.5, 1.0))
STALL_CHECK_SECONDS = 10.0
SENT_LOG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """The outcome of one cycle: what was dispatched, and the ids of the submissions finished."""

    dispatched: DispatchResult
    finished: tuple[int, ...]


@dataclass
class DispatchService:
    """Fills the queue, finishes submissions and watches for stalls until a stop is requested."""

    fill_queue: Callable[[], DispatchResult]
    finish_submissions: Callable[[], list[int]]
    read_backlog: Callable[[], Backlog]
    stalls: StallWatch
    stop: StopSignal
    clock: Callable[[], float] = time.monotonic
    _sent: int = 0
    _logged_at: float = float("-inf")
    _stall_checked_at: float = float("-inf")

    def run(self) -> None:
        """Runs cycles until a stop is requested, waiting for services however long they are away.

        Raises:
            SetupError: this machine or its database is not in order.
        """
        log.info("dispatch_begins")
        while not self.stop.requested:
            cycle = retry_until_stopped(self._run_checked_cycle, self.stop, self.clock)
            if cycle is not None:
                self._log(cycle)
                self.stop.sleep(POLL_SECONDS)
        log.info("dispatch_ends")

    def _run_checked_cycle(self) -> Cycle:
        cycle = self.run_cycle()
        self._check_stall()
        return cycle

    def run_cycle(self) -> Cycle:
        """Finishes the submissions that are through and fills the queue, once.

        Raises:
            DatabaseUnreachable, BrokerUnreachable: nothing is lost by it.
        """
        # First the part that needs Postgres alone: workers end images also while Redis is away.
        finished = tuple(self.finish_submissions())
        return Cycle(self.fill_queue(), finished)

    def _check_stall(self) -> None:
        if self.clock() - self._stall_checked_at < STALL_CHECK_SECONDS:
            return
        self._stall_checked_at = self.clock()
        change = self.stalls.update(self.read_backlog())
        if isinstance(change, Stall):
            log.error("stalled", seconds=round(change.seconds), likely=list(change.causes))
        elif change is not None:
            log.info("stall_over", seconds=round(change.seconds))

    def _log(self, cycle: Cycle) -> None:
        """Logs rare events at once, and the images sent as a sum now and then."""
        for submission_id in cycle.finished:
            log.info("submission_finished", submission=submission_id)
        if cycle.dispatched.expired:
            log.warning("leases_expired", images=cycle.dispatched.expired)
        if cycle.dispatched.lost:
            log.warning("messages_lost", images=cycle.dispatched.lost)
        self._sent += cycle.dispatched.images
        if self._sent and self.clock() - self._logged_at >= SENT_LOG_SECONDS:
            log.info("images_sent", images=self._sent)
            self._sent, self._logged_at = 0, self.clock()


def retry_until_stopped(
    operation: Callable[[], Result], stop: StopSignal, clock: Callable[[], float] = time.monotonic
) -> Result | None:
    """Returns the operation's result, or None where a stop was requested during an outage.

    Logs each class of fault once in an outage, and once that all services are back.
    """
    policy = RetryPolicy(
        math.inf,
        BACKOFF,
        stop.sleep,
        lambda: stop.requested,
        clock,
        report_once_per=type,
        on_fault=_log_fault,
        on_recovery=_log_recovery,
    )
    try:
        return policy.call(operation)
    except TemporaryFault:
        if not stop.requested:
            raise
        return None


def _log_fault(fault: TemporaryFault, _attempt: int, _pause: float | None) -> None:
    log.warning("service_away", fault=str(fault))


def _log_recovery(seconds: float) -> None:
    log.info("service_back", seconds=round(seconds, 1))
