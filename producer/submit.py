"""`hkplates submit`: list a source into the ledger, keep the queue filled, see it to the end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

import sqlalchemy as sa

from hkplates.database import queries
from hkplates.database.checkpoint import is_unfinished, listed_before
from hkplates.database.ledger import Added, Ledger, Submission
from hkplates.database.queries import Counts
from hkplates.database.work import read_work
from hkplates.errors import TemporaryFault
from producer.dispatch import Dispatcher
from producer.listing import Batch
from producer.progress import Progress, Standing
from producer.sources import Source
from producer.stall import StallWatch

T = TypeVar("T")
ListAfter = Callable[[str | None], Iterator[Batch]]
"""Lists the source past a key, or all of it for None."""
POLL_SECONDS = 0.5
IDLE_SECONDS = 20.0
LOOK_EVERY_SECONDS = 10.0
"""How often the whole of the work is looked at: whether it goes on, and what else has ended."""
NO_WORKER = "No worker is taking work; start one with: celery -A workers.app worker"


@dataclass(frozen=True, slots=True)
class Report:
    """How a submission stands at its end; `seconds` are those of this run.

    `added` is all that its listing found, also before it was interrupted and continued: what was
    recorded then is `known`, and `skipped` goes on counting.
    """

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
    stalls: StallWatch
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    idle_seconds: float = IDLE_SECONDS
    _stirred_at: float = 0.0
    _last_seen: tuple[int, int] = (0, 0)
    _idle_said: bool = False
    _looked_at: float = float("-inf")

    def run(self, source: Source, name: str | None, list_after: ListAfter) -> Report:
        """List, dispatch and wait. After a TemporaryFault a listing may be asked again.

        Raises:
            SourceError: the source cannot be listed.
            TemporaryFault: a service stayed away for longer than our patience.
        """
        began = self._stirred_at = self.clock()
        ledger = Ledger(self.engine)
        opened, batches = self._open(ledger, source, name, list_after)
        number, after = opened.id, opened.listing_after
        added = self._insist(lambda: listed_before(self.engine, number, after))
        added = self._list(ledger, number, source, batches, added)
        counts = self._wait(ledger, number, added)
        return Report(
            number,
            str(source),
            opened.resumed,
            added,
            counts,
            self._insist(lambda: queries.reasons(self.engine, number)),
            self._insist(lambda: queries.plates_found(self.engine, number)),
            self.clock() - began,
        )

    def _open(
        self, ledger: Ledger, source: Source, name: str | None, list_after: ListAfter
    ) -> tuple[Submission, Iterator[Batch]]:
        """The submission, and what is still to be listed of its source.

        A new one is recorded once the source has shown an image: one that cannot be listed, or
        holds none, leaves no row.
        """
        batches, first = list_after(None), list[Batch]()
        if not self._insist(lambda: is_unfinished(self.engine, str(source), name)):
            first = _until_images(batches)
        opened = self._insist(lambda: ledger.open_submission(str(source), name))
        if opened.was_paused:
            self.progress.say(f"Submission {opened.id} was paused; it goes on now.")
        if opened.listing_after is not None:
            self.progress.say(f"Listing goes on after {opened.listing_after}")
            batches, first = list_after(opened.listing_after), []
        if not first:
            first = list(islice(batches, 1))  # at once: what is away at the start is said, as above
        return opened, chain(first, batches)

    def _list(
        self,
        ledger: Ledger,
        submission_id: int,
        source: Source,
        batches: Iterator[Batch],
        added: Added,
    ) -> Added:
        """Record what is listed, batch by batch, sending some meanwhile."""
        while batch := self._insist(lambda: next(batches, None)):
            add = partial(
                ledger.add_images,
                submission_id,
                source.store,
                source.bucket,
                batch.entries,
                listed_to=batch.listed_to,
            )
            added += self._insist(add)
            self._step(submission_id, added, listing=True)
            if self._stopped(submission_id):
                return added
        self._insist(lambda: ledger.listing_finished(submission_id))
        return added

    def _wait(self, ledger: Ledger, submission_id: int, added: Added) -> Counts:
        """Until nothing is left to do, or somebody paused or cancelled the submission."""
        while True:
            counts = self._step(submission_id, added, listing=False)
            if state := self._stopped(submission_id):
                self.progress.say(f"Submission {submission_id} was {state}")
                return counts
            if not counts.left:
                # Again: another producer of the same submission may have opened it since.
                self._insist(lambda: ledger.listing_finished(submission_id))
                self._insist(ledger.finish_submissions)
                return counts
            self.sleep(POLL_SECONDS)

    def _stopped(self, submission_id: int) -> str | None:
        """What somebody has made of it meanwhile: paused, cancelled, or nothing of the kind."""
        row = self._insist(lambda: queries.submission(self.engine, submission_id))
        return row.state if row is not None and row.state in ("paused", "cancelled") else None

    def _step(self, submission_id: int, added: Added, *, listing: bool) -> Counts:
        """Fill the queue, and show how far it is where that is not too often to ask."""
        self._insist(self.dispatcher.fill)
        self._look_for_stalls()
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

    def _look_for_stalls(self) -> None:
        if self.clock() - self._looked_at < LOOK_EVERY_SECONDS:
            return
        self._looked_at = self.clock()
        news = self.stalls.look(self._insist(lambda: read_work(self.engine)))
        if news is not None:
            self.progress.say(f"{news}.")

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


def _until_images(batches: Iterator[Batch]) -> list[Batch]:
    """The first batches, up to one that holds an image."""
    first = []
    for batch in batches:
        first.append(batch)
        if batch.entries:
            break
    return first
