"""`hkplates dispatch`: keep the queue filled for all submissions, for as long as it runs."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from hkplates.database.queries.backlog import Backlog
from hkplates.errors import TemporaryFault
from hkplates.signals import StopSignal
from producer.dispatcher import Dispatcher, DispatchResult
from producer.stall import Stall, StallWatch

log = structlog.get_logger()

POLL_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0
STALL_CHECK_SECONDS = 10.0
SENT_LOG_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one round did: the window filled, submissions finished."""

    dispatched: DispatchResult
    finished: tuple[int, ...]


@dataclass
class Outage:
    """Services that are away, each told once, and the pauses between tries."""

    clock: Callable[[], float] = time.monotonic
    _began: float | None = None
    _told: set[type[TemporaryFault]] = field(default_factory=set)
    _pause: float = POLL_SECONDS

    def pause(self, fault: TemporaryFault) -> float:
        """Tell a fault that is new, and how long to wait before the next try: twice as long each
        time, spread, so that several services do not knock at the same moment."""
        if self._began is None:
            self._began = self.clock()
        if type(fault) not in self._told:
            self._told.add(type(fault))
            log.warning("service_away", fault=str(fault))
        pause, self._pause = self._pause, min(2 * self._pause, MAX_PAUSE_SECONDS)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311  (no secret)

    def over(self) -> None:
        """A round went well."""
        if self._began is not None:
            log.info("service_back", seconds=round(self.clock() - self._began, 1))
            self._began, self._pause = None, POLL_SECONDS
            self._told.clear()


@dataclass
class DispatchService:
    """Rounds without end. `work` tells how the whole of the work stands."""

    dispatcher: Dispatcher
    finish_submissions: Callable[[], list[int]]
    read_backlog: Callable[[], Backlog]
    stalls: StallWatch
    stop: StopSignal
    clock: Callable[[], float] = time.monotonic
    _outage: Outage = field(default_factory=Outage)
    _sent: int = 0
    _logged_at: float = float("-inf")
    _stall_checked_at: float = float("-inf")

    def run(self) -> None:
        """Until asked to stop. Waits for whatever is away, however long it takes."""
        log.info("dispatch_begins")
        while not self.stop.requested:
            try:
                done = self.run_cycle()
                self._check_stall()
            except TemporaryFault as fault:
                self.stop.sleep(self._outage.pause(fault))
            else:
                self._outage.over()
                self._log(done)
                self.stop.sleep(POLL_SECONDS)
        log.info("dispatch_ends")

    def run_cycle(self) -> Cycle:
        """Do once what is to be done.

        Raises:
            DatabaseUnreachable, BrokerUnreachable: nothing is lost by it.
        """
        # What needs Postgres alone first: workers end images also while Redis is away.
        finished = tuple(self.finish_submissions())
        return Cycle(self.dispatcher.fill(), finished)

    def _check_stall(self) -> None:
        if self.clock() - self._stall_checked_at < STALL_CHECK_SECONDS:
            return
        self._stall_checked_at = self.clock()
        news = self.stalls.update(self.read_backlog())
        if isinstance(news, Stall):
            log.error("stalled", seconds=round(news.seconds), likely=list(news.causes))
        elif news is not None:
            log.info("stall_over", seconds=round(news.seconds))

    def _log(self, done: Cycle) -> None:
        """What is rare at once, and what is sent in sums."""
        for number in done.finished:
            log.info("submission_finished", submission=number)
        if done.dispatched.expired:
            log.warning("leases_expired", images=done.dispatched.expired)
        if done.dispatched.lost:
            log.warning("messages_lost", images=done.dispatched.lost)
        self._sent += done.dispatched.images
        if self._sent and self.clock() - self._logged_at >= SENT_LOG_SECONDS:
            log.info("images_sent", images=self._sent)
            self._sent, self._logged_at = 0, self.clock()
