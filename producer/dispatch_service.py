"""`hkplates dispatch`: keep the queue filled for all submissions, for as long as it runs."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from hkplates.database.queries.backlog import Backlog
from hkplates.errors import TemporaryFault
from hkplates.signals import Stop
from producer.dispatcher import Dispatcher, Filled
from producer.stall import Stall, StallWatch

log = structlog.get_logger()

POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
LOOK_EVERY_SECONDS = 10.0
TELL_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: the window filled, submissions finished."""

    filled: Filled
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
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311  (no secret)

    def over(self) -> None:
        """A round went well."""
        if self._began is not None:
            log.info("service_back", seconds=round(self.clock() - self._began, 1))
            self._began, self._pause = None, POLL_SECONDS
            self._told.clear()


@dataclass
class Service:
    """Rounds without end. `work` tells how the whole of the work stands."""

    dispatcher: Dispatcher
    finish: Callable[[], list[int]]
    work: Callable[[], Backlog]
    stalls: StallWatch
    stop: Stop
    clock: Callable[[], float] = time.monotonic
    _outage: Outage = field(default_factory=Outage)
    _sent: int = 0
    _told_at: float = float("-inf")
    _looked_at: float = float("-inf")

    def run(self) -> None:
        """Until asked to stop. Waits for whatever is away, however long it takes."""
        log.info("dispatch_begins")
        while not self.stop.asked:
            try:
                done = self.round()
                self._look_for_stalls()
            except TemporaryFault as fault:
                self.stop.sleep(self._outage.pause(fault))
            else:
                self._outage.over()
                self._tell(done)
                self.stop.sleep(POLL_SECONDS)
        log.info("dispatch_ends")

    def round(self) -> Round:
        """Do once what is to be done.

        Raises:
            DatabaseUnreachable, BrokerUnreachable: nothing is lost by it.
        """
        # What needs Postgres alone first: workers end images also while Redis is away.
        finished = tuple(self.finish())
        return Round(self.dispatcher.fill(), finished)

    def _look_for_stalls(self) -> None:
        if self.clock() - self._looked_at < LOOK_EVERY_SECONDS:
            return
        self._looked_at = self.clock()
        news = self.stalls.look(self.work())
        if isinstance(news, Stall):
            log.error("stalled", seconds=round(news.seconds), likely=list(news.causes))
        elif news is not None:
            log.info("stall_over", seconds=round(news.seconds))

    def _tell(self, done: Round) -> None:
        """What is rare at once, and what is sent in sums."""
        for number in done.finished:
            log.info("submission_finished", submission=number)
        if done.filled.expired:
            log.warning("leases_expired", images=done.filled.expired)
        if done.filled.lost:
            log.warning("messages_lost", images=done.filled.lost)
        self._sent += done.filled.images
        if self._sent and self.clock() - self._told_at >= TELL_EVERY_SECONDS:
            log.info("images_sent", images=self._sent)
            self._sent, self._told_at = 0, self.clock()
