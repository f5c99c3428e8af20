"""`hkplates submit`: list a source into the ledger, keep the queue filled, see it to the end."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from itertools import chain
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
    def listed(self) -> int:
        return self.added.new + self.added.retried + self.added.known + self.added.skipped

    @property
    def exit_code(self) -> int:
        return 1 if self.counts.rejected else 0

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: a contract."""
        return {
            "submission": self.submission,
            "source": self.source,
            "resumed": self.resumed,
            "listed": self.listed,
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
    _said: set[str] = field(default_factory=set)

    def run(self, source: Source, name: str | None, batches: Iterable[list[Entry]]) -> Report:
        """List, dispatch and wait. There must be a batch.

        Raises:
            SourceError: the source cannot be listed.
            TemporaryFault: a service stayed away for longer than our patience.
        """
        began = self._stirred_at = self.clock()
        listing = iter(batches)
        first = next(listing)  # before anything is written: a source that fails leaves no row
        ledger = Ledger(self.engine)
        submission = ledger.open_submission(str(source), name, {"name": name})
        added = Added()
        for batch in chain([first], listing):
            added += ledger.add_images(submission.id, source.store, source.bucket, batch)
            self._step(submission.id, added, listing=True)
        self._finish_listing(ledger, submission.id, added)
        counts = self._wait(ledger, submission.id, added)
        return Report(
            submission.id,
            str(source),
            submission.resumed,
            added,
            counts,
            queries.reasons(self.engine, submission.id),
            queries.plates_found(self.engine, submission.id),
            self.clock() - began,
        )

    def _finish_listing(self, ledger: Ledger, submission_id: int, added: Added) -> None:
        self._insist(lambda: ledger.listing_finished(submission_id, skipped=added.skipped))

    def _wait(self, ledger: Ledger, submission_id: int, added: Added) -> Counts:
        """Until nothing is left to do, or somebody paused or cancelled the submission."""
        while True:
            counts = self._step(submission_id, added, listing=False)
            if not counts.left:
                # Again: another producer of the same submission may have opened it since.
                self._finish_listing(ledger, submission_id, added)
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
        listed = added.new + added.retried + added.known + added.skipped
        self.progress.show(Standing(listed, added.skipped, counts, listing))
        self.progress.wait_at_least(10 * (self.clock() - began))
        self._notice_idle(counts)
        return counts

    def _notice_idle(self, counts: Counts) -> None:
        seen = (counts.ended, self.dispatcher.taken)
        if seen != self._last_seen:
            self._last_seen, self._stirred_at = seen, self.clock()
        idle = self.clock() - self._stirred_at >= self.idle_seconds
        if idle and counts.queued and not queries.in_work(self.engine):
            self._say_once(NO_WORKER)

    def _insist(self, work: Callable[[], T]) -> T:
        """Do it, waiting for a service that is away no longer than our patience."""
        until: float | None = None
        while True:
            try:
                return work()
            except TemporaryFault as fault:
                until = until or self.clock() + self.patience_seconds
                if self.clock() >= until:
                    raise
                self._say_once(f"{fault}. Waiting for it to come back ...")
                self.sleep(POLL_SECONDS)

    def _say_once(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            self.progress.say(words)
