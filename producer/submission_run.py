"""Runs a submission to its end: fills the queue, shows progress, waits for what is away."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.ledger.intake import Intake
from hkplates.database.ledger.listed_images import Added
from hkplates.database.queries import submissions
from hkplates.database.queries.backlog import read_backlog
from hkplates.database.queries.submissions import Counts
from hkplates.errors import TemporaryFault
from hkplates.retry import Backoff, RetryPolicy
from producer.dispatcher import Dispatcher
from producer.progress import Progress, ProgressSnapshot
from producer.stall import StallWatch

Result = TypeVar("Result")
POLL_SECONDS = 0.5
POLL = Backoff(POLL_SECONDS, POLL_SECONDS, jitter=(1.0, 1.0))
"""A person waits: the pauses neither grow nor vary."""
IDLE_SECONDS = 20.0
STALL_CHECK_SECONDS = 10.0
"""Interval of the check of the whole backlog, which includes other submissions' images."""
RECOUNT_FACTOR = 10
"""Counting millions of images takes seconds: the next count waits this many times as long."""
WORKER_CONNECT_SECONDS = 5.0
"""A worker that was started just before takes this long to connect."""
NO_WORKER = "No worker is taking work; start one with: celery -A workers.app worker"
NOT_CONNECTED = "No worker is connected yet; start one with: celery -A workers.app worker"


@dataclass
class SubmissionRun:
    """A submission on its way to its end; the base of submit and reprocess."""

    engine: sa.Engine
    dispatcher: Dispatcher
    progress: Progress
    patience_seconds: float
    stalls: StallWatch
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    idle_seconds: float = IDLE_SECONDS
    _last_progress_at: float = 0.0
    _last_progress: tuple[int, int] = (0, 0)
    _idle_reported: bool = False
    _began_at: float = 0.0
    _workers_checked: bool = False
    _stall_checked_at: float = float("-inf")
    _last_counts: Counts | None = None
    _recount_at: float = float("-inf")

    def begin(self) -> float:
        """Starts the clock and returns its time, which also counts as the first progress."""
        self._began_at = self._last_progress_at = self.clock()
        return self._began_at

    def wait(self, submission_id: int, added: Added) -> Counts:
        """Steps until no image is left, or somebody has paused or cancelled the submission."""
        while True:
            counts = self.step(submission_id, added, listing=False)
            if state := self.halted_state(submission_id):
                self.progress.print_message(f"Submission {submission_id} was {state}")
                return counts
            if not counts.left:
                # Again: another producer of the same submission may have opened it since.
                self.retry(lambda: Intake(self.engine).listing_finished(submission_id))
                self.retry(Dispatch(self.engine).finish_submissions)
                return counts
            self.sleep(POLL_SECONDS)

    def halted_state(self, submission_id: int) -> str | None:
        """Returns "paused" or "cancelled" where somebody has made it so meanwhile, else None."""
        row = self.retry(lambda: submissions.find_submission(self.engine, submission_id))
        return row.state if row is not None and row.state in ("paused", "cancelled") else None

    def step(self, submission_id: int, added: Added, *, listing: bool) -> Counts:
        """Fills the queue and, where a new count is due, counts images and shows progress.

        Returns the last counts; while listing, empty ones where no progress was due.
        """
        self.retry(self.dispatcher.fill)
        self._check_workers()
        self._check_stall()
        if listing and not self.progress.due():
            return Counts()
        began = self.clock()
        # No count from the listing is reused: nothing left of half a listing is not the end.
        if not listing and self._last_counts is not None and began < self._recount_at:
            return self._last_counts
        counts = self.retry(lambda: submissions.count_images(self.engine, submission_id))
        pause = RECOUNT_FACTOR * (self.clock() - began)
        self._last_counts = None if listing else counts
        self._recount_at = self.clock() + pause
        self.progress.show(ProgressSnapshot(added.listed, added.skipped, counts, listing))
        self.progress.wait_at_least(pause)
        self._check_idle(counts)
        return counts

    def _check_workers(self) -> None:
        """Prints once that no worker is connected, as soon as a message waits."""
        if self._workers_checked or self.clock() - self._began_at < WORKER_CONNECT_SECONDS:
            return
        broker = self.dispatcher.broker
        if not self.retry(broker.queue_length):
            return
        self._workers_checked = True
        if self.retry(broker.count_workers) == 0:
            self.progress.print_message(NOT_CONNECTED)

    def _check_idle(self, counts: Counts) -> None:
        """Prints once that images are queued and no worker has taken one for `idle_seconds`."""
        progress = (counts.ended, self.dispatcher.consumed)
        if progress != self._last_progress:
            self._last_progress, self._last_progress_at = progress, self.clock()
        idle = self.clock() - self._last_progress_at >= self.idle_seconds
        if (
            idle
            and counts.queued
            and not self.retry(lambda: submissions.count_in_progress(self.engine))
        ):
            if not self._idle_reported:
                self.progress.print_message(NO_WORKER)
            self._idle_reported = True

    def _check_stall(self) -> None:
        if self.clock() - self._stall_checked_at < STALL_CHECK_SECONDS:
            return
        self._stall_checked_at = self.clock()
        change = self.stalls.update(self.retry(lambda: read_backlog(self.engine)))
        if change is not None:
            self.progress.print_message(f"{change}.")

    def retry(self, operation: Callable[[], Result]) -> Result:
        """Returns the operation's result, waiting for a service that is away.

        Raises:
            TemporaryFault: it stayed away for `patience_seconds`.
        """
        policy = RetryPolicy(
            self.patience_seconds,
            POLL,
            self.sleep,
            clock=self.clock,
            from_first_fault=True,
            report_once_per=str,
            on_fault=self._report_outage,
        )
        return policy.call(operation)

    def _report_outage(self, fault: TemporaryFault, _attempt: int, pause: float | None) -> None:
        """Prints why the command waits; one that is about to end prints the fault itself."""
        if pause is not None:
            message = f"{str(fault).rstrip('.')}. Waiting for it to come back ..."
            self.progress.print_message(message)
