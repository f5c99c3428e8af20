"""Seeing a submission to its end: fill the queue, tell how far it is, wait for what is away."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from hkplates.database.ledger.intake import Added, Ledger
from hkplates.database.queries import submissions as queries
from hkplates.database.queries.backlog import read_backlog
from hkplates.database.queries.submissions import Counts
from hkplates.errors import TemporaryFault
from producer.dispatcher import Dispatcher
from producer.progress import Progress, ProgressSnapshot
from producer.stall import StallWatch

T = TypeVar("T")
POLL_SECONDS = 0.5
IDLE_SECONDS = 20.0
LOOK_EVERY_SECONDS = 10.0
"""How often the whole of the work is looked at: whether it goes on, and what else has ended."""
COUNT_SHARE = 10
"""Counting millions of images takes seconds: it is done again after so many times as long."""
WORKER_SECONDS = 5.0
"""A worker that was started just before takes so long to connect."""
NO_WORKER = "No worker is taking work; start one with: celery -A workers.app worker"
NOT_CONNECTED = "No worker is connected yet; start one with: celery -A workers.app worker"


@dataclass
class Run:
    """What commands share that make a submission and see it to its end (submit, reprocess)."""

    engine: sa.Engine
    dispatcher: Dispatcher
    progress: Progress
    patience_seconds: float
    stalls: StallWatch
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    idle_seconds: float = IDLE_SECONDS
    _stirred_at: float = 0.0
    _last_seen: tuple[int, int] = (0, 0)
    _idle_said: bool = False
    _began: float = 0.0
    _workers_known: bool = False
    _looked_at: float = float("-inf")
    _counted: Counts | None = None
    _count_again_at: float = float("-inf")

    def begin(self) -> float:
        """The moment by our clock; until something else is seen, this is when it last stirred."""
        self._began = self._stirred_at = self.clock()
        return self._began

    def wait(self, ledger: Ledger, submission_id: int, added: Added) -> Counts:
        """Until nothing is left to do, or somebody paused or cancelled the submission."""
        while True:
            counts = self.step(submission_id, added, listing=False)
            if state := self.stopped(submission_id):
                self.progress.print_message(f"Submission {submission_id} was {state}")
                return counts
            if not counts.left:
                # Again: another producer of the same submission may have opened it since.
                self.insist(lambda: ledger.listing_finished(submission_id))
                self.insist(ledger.finish_submissions)
                return counts
            self.sleep(POLL_SECONDS)

    def stopped(self, submission_id: int) -> str | None:
        """What somebody has made of it meanwhile: paused, cancelled, or nothing of the kind."""
        row = self.insist(lambda: queries.find_submission(self.engine, submission_id))
        return row.state if row is not None and row.state in ("paused", "cancelled") else None

    def step(self, submission_id: int, added: Added, *, listing: bool) -> Counts:
        """Fill the queue, and show how far it is where that is not too often to ask."""
        self.insist(self.dispatcher.fill)
        self._look_for_workers()
        self._look_for_stalls()
        if listing and not self.progress.due():
            return Counts()
        began = self.clock()
        # Not one taken while listing: nothing left of half a listing is no end.
        if not listing and self._counted is not None and began < self._count_again_at:
            return self._counted
        counts = self.insist(lambda: queries.count_images(self.engine, submission_id))
        pause = COUNT_SHARE * (self.clock() - began)
        self._counted = None if listing else counts
        self._count_again_at = self.clock() + pause
        self.progress.show(ProgressSnapshot(added.listed, added.skipped, counts, listing))
        self.progress.wait_at_least(pause)
        self._notice_idle(counts)
        return counts

    def _look_for_workers(self) -> None:
        """Once something waits to be taken: whether anybody could."""
        if self._workers_known or self.clock() - self._began < WORKER_SECONDS:
            return
        broker = self.dispatcher.broker
        if not self.insist(broker.waiting):
            return
        self._workers_known = True
        if self.insist(broker.workers) == 0:
            self.progress.print_message(NOT_CONNECTED)

    def _notice_idle(self, counts: Counts) -> None:
        seen = (counts.ended, self.dispatcher.taken)
        if seen != self._last_seen:
            self._last_seen, self._stirred_at = seen, self.clock()
        idle = self.clock() - self._stirred_at >= self.idle_seconds
        if (
            idle
            and counts.queued
            and not self.insist(lambda: queries.count_in_progress(self.engine))
        ):
            if not self._idle_said:
                self.progress.print_message(NO_WORKER)
            self._idle_said = True

    def _look_for_stalls(self) -> None:
        if self.clock() - self._looked_at < LOOK_EVERY_SECONDS:
            return
        self._looked_at = self.clock()
        news = self.stalls.look(self.insist(lambda: read_backlog(self.engine)))
        if news is not None:
            self.progress.print_message(f"{news}.")

    def insist(self, work: Callable[[], T]) -> T:
        """Do it, waiting for a service that is away no longer than our patience."""
        until: float | None = None
        said: set[str] = set()  # each fault once in an outage; the next outage is told again
        while True:
            try:
                return work()
            except TemporaryFault as fault:
                until = until or self.clock() + self.patience_seconds
                if self.clock() >= until:
                    raise
                if str(fault) not in said:
                    said.add(str(fault))
                    self.progress.print_message(
                        f"{str(fault).rstrip('.')}. Waiting for it to come back ..."
                    )
                self.sleep(POLL_SECONDS)
