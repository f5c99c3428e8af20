"""`hkplates submit`: list a source into the ledger, keep the queue filled, see it to the end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from hkplates.database import queries
from hkplates.database.ledger import Added, Ledger
from hkplates.database.queries import Counts
from hkplates.errors import TemporaryFault
from hkplates.storage.base import Entry
from producer.dispatch import Dispatcher
from producer.progress import Progress, Standing
from producer.sources import Source

T = TypeVar("T")
POLL_SECONDS = 0.5
IDLE_SECONDS = 20.0
NO_WORKER = "No worker is taking work; start one with: celery -A workers.app worker"


@dataclass(frozen=True, slots=True)
class Report:
    """How a submission stands at its end; `seconds` are those of this run."""

    submission: int
    source: str
    resumed: bool
    added: Added
    counts: Counts
    reasons: dict[str, int]
    plates: int
    seconds: float

    @property
    def exit_code(self) -> int:
        return 1 if self.counts.rejected else 0

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: a contract."""
        return {
            "submission": self.submission,
            "source": self.source,
            "resumed": self.resumed,
            "listed": self.added.listed,
            **asdict(self.added),
            "images": asdict(self.counts),
            "reasons": self.reasons,
            "plates": self.plates,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class Submit:
    """One run of the command. Killed at any moment, the same command goes on from there."""

    engine: sa.Engine
    dispatcher: Dispatcher
    progress: Progress
    patience_seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    idle_seconds: float = IDLE_SECONDS
    _stirred_at: float = 0.0
    _last_seen: tuple[int, int] = (0, 0)
    _idle_said: bool = False

    def run(self, source: Source, name: str | None, batches: Iterator[list[Entry]]) -> Report:
        """List, dispatch and wait. There must be a batch, and after a TemporaryFault `batches` may
        be asked for the same one again.

        Raises:
            SourceError: the source cannot be listed.
            TemporaryFault: a service stayed away for longer than our patience.
        """
        began = self._stirred_at = self.clock()
        first = next(batches)  # before anything is written: a source that fails leaves no row
        ledger = Ledger(self.engine)
        submission = self._insist(lambda: ledger.open_submission(str(source), name))
        if submission.was_paused:
            self.progress.say(f"Submission {submission.id} was paused; it goes on now.")
        added = self._list(ledger, submission.id, source, first, batches)
        self._finish_listing(ledger, submission.id)
        counts = self._wait(ledger, submission.id, added)
        return Report(
            submission.id,
            str(source),
            submission.resumed,
            added,
            counts,
            self._insist(lambda: queries.reasons(self.engine, submission.id)),
            self._insist(lambda: queries.plates_found(self.engine, submission.id)),
            self.clock() - began,
        )

    def _list(
        self,
        ledger: Ledger,
        submission_id: int,
        source: Source,
        first: list[Entry],
        batches: Iterator[list[Entry]],
    ) -> Added:
        """Record what is listed, batch by batch, sending some meanwhile."""
        added, batch = Added(), first
        while batch:
            add = partial(ledger.add_images, submission_id, source.store, source.bucket, batch)
            added += self._insist(add)
            self._step(submission_id, added, listing=True)
            batch = self._insist(lambda: next(batches, []))
        return added

    def _finish_listing(self, ledger: Ledger, submission_id: int) -> None:
        self._insist(lambda: ledger.listing_finished(submission_id))

    def _wait(self, ledger: Ledger, submission_id: int, added: Added) -> Counts:
        """Until nothing is left to do, or somebody paused or cancelled the submission."""
        while True:
            counts = self._step(submission_id, added, listing=False)
            if not counts.left:
                # Again: another producer of the same submission may have opened it since.
                self._finish_listing(ledger, submission_id)
                self._insist(ledger.finish_submissions)
                return counts
            row = self._insist(lambda: queries.submission(self.engine, submission_id))
            if row is not None and row.state in ("paused", "cancelled"):
                self.progress.say(f"Submission {submission_id} was {row.state}")
                return counts
            self.sleep(POLL_SECONDS)

    def _step(self, submission_id: int, added: Added, *, listing: bool) -> Counts:
        """Fill the queue, and show how far it is where that is not too often to ask."""
        self._insist(self.dispatcher.fill)
        if listing and not self.progress.due():
            return Counts()
        began = self.clock()
        counts = self._insist(lambda: queries.counts(self.engine, submission_id))
        self.progress.show(Standing(added.listed, added.skipped, counts, listing))
        self.progress.wait_at_least(10 * (self.clock() - began))
        self._notice_idle(counts)
        return counts

    def _notice_idle(self, counts: Counts) -> None:
        seen = (counts.ended, self.dispatcher.taken)
        if seen != self._last_seen:
            self._last_seen, self._stirred_at = seen, self.clock()
        idle = self.clock() - self._stirred_at >= self.idle_seconds
        if idle and counts.queued and not self._insist(lambda: queries.in_work(self.engine)):
            if not self._idle_said:
                self.progress.say(NO_WORKER)
            self._idle_said = True

    def _insist(self, work: Callable[[], T]) -> T:
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
                    self.progress.say(f"{fault}. Waiting for it to come back ...")
                self.sleep(POLL_SECONDS)
