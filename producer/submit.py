"""Lists a source into the ledger and runs its submission to the end (`hkplates submit`)."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

from hkplates.database.ledger.intake import Intake, Submission
from hkplates.database.ledger.listed_images import Added
from hkplates.database.ledger.listing_checkpoint import is_unfinished, listed_before
from hkplates.database.queries import submissions
from hkplates.database.queries.submissions import Counts
from producer.listing import Batch
from producer.sources import Source
from producer.submission_run import SubmissionRun

ListAfter = Callable[[str | None], Iterator[Batch]]
"""Lists the source past a key, or all of it for None."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a submission; `seconds` are those of this run.

    `added` counts all that its listing found, also before it was interrupted and continued: images
    recorded then are `known`, and `skipped` goes on counting.
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
        """Returns the object that `--json` prints: a contract."""
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


class Submit(SubmissionRun):
    """One run of `hkplates submit`. Killed at any moment, the same command resumes from there."""

    def run(self, source: Source, name: str | None, list_after: ListAfter) -> Report:
        """Lists, dispatches and waits. After a TemporaryFault a listing may be iterated again.

        Raises:
            SourceError: the source cannot be listed.
            TemporaryFault: a service stayed away for longer than `patience_seconds`.
        """
        began = self.begin()
        intake = Intake(self.engine)
        opened, batches = self._open(intake, source, name, list_after)
        number, after = opened.id, opened.listing_after
        added = self.retry(lambda: listed_before(self.engine, number, after))
        added = self._list(intake, number, source, batches, added)
        counts = self.wait(number, added)
        return Report(
            number,
            str(source),
            opened.resumed,
            added,
            counts,
            self.retry(lambda: submissions.failure_reasons(self.engine, number)),
            self.retry(lambda: submissions.count_plates(self.engine, number)),
            self.clock() - began,
        )

    def _open(
        self, intake: Intake, source: Source, name: str | None, list_after: ListAfter
    ) -> tuple[Submission, Iterator[Batch]]:
        """Opens the submission; returns it and the batches that are still to be listed.

        A new one is recorded once the source has shown an image: one that cannot be listed, or
        holds none, leaves no row.
        """
        batches, first = list_after(None), list[Batch]()
        if not self.retry(lambda: is_unfinished(self.engine, str(source), name)):
            first = _until_images(batches)
        opened = self.retry(lambda: intake.open_submission(str(source), name))
        if opened.was_paused:
            self.progress.print_message(f"Submission {opened.id} was paused; it goes on now.")
        if opened.listing_after is not None:
            self.progress.print_message(f"Listing goes on after {opened.listing_after}")
            batches, first = list_after(opened.listing_after), []
        if not first:
            first = list(islice(batches, 1))  # now: what is away at the start is an error, as above
        return opened, chain(first, batches)

    def _list(
        self,
        intake: Intake,
        submission_id: int,
        source: Source,
        batches: Iterator[Batch],
        added: Added,
    ) -> Added:
        """Records images batch by batch, dispatching between two batches."""
        while batch := self.retry(lambda: next(batches, None)):
            add = partial(
                intake.add_images,
                submission_id,
                source.store,
                source.bucket,
                batch.entries,
                listed_to=batch.listed_to,
            )
            added += self.retry(add)
            self.step(submission_id, added, listing=True)
            if self.halted_state(submission_id):
                return added
        self.retry(lambda: intake.listing_finished(submission_id))
        return added


def _until_images(batches: Iterator[Batch]) -> list[Batch]:
    """Returns the first batches, up to one that holds an image."""
    first = []
    for batch in batches:
        first.append(batch)
        if batch.entries:
            break
    return first
