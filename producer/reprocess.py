"""Reprocesses images under the current model version (`hkplates reprocess`)."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hkplates.database.ledger.intake import Intake, Submission
from hkplates.database.ledger.listed_images import Added
from hkplates.database.ledger.listing_checkpoint import is_unfinished
from hkplates.database.ledger.reprocess import ReprocessFilter, Reprocessing
from hkplates.database.queries import submissions
from hkplates.database.queries.submissions import Counts
from hkplates.errors import TemporaryFault
from producer.submission_run import SubmissionRun


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a reprocessing.

    `versions` counts the images read by the model version that read them, `before` is the version
    that had read most of them, and `seconds` are those of this run.
    """

    submission: Submission
    target: int
    added: Added
    counts: Counts
    versions: dict[int, int]
    before: int | None
    reasons: dict[str, int]
    plates: int
    seconds: float

    @property
    def exit_code(self) -> int:
        return 1 if self.counts.rejected else 0

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints: a contract."""
        return {
            "submission": self.submission.id,
            "source": self.submission.source,
            "resumed": self.submission.resumed,
            "target": self.target,
            "chosen": self.added.retried,
            "taken_over": self.added.taken_over,
            "known": self.added.known,
            "images": asdict(self.counts),
            "versions": self.versions,
            "before": self.before,
            "reasons": self.reasons,
            "plates": self.plates,
            "seconds": round(self.seconds, 3),
        }


class Reprocess(SubmissionRun):
    """One run of `hkplates reprocess`. Killed at any moment, the same command resumes."""

    def run(self, choice: Reprocessing, target: int, *, wait: bool = True) -> Report | None:
        """Chooses, dispatches and waits; returns None where there was nothing to choose.

        Raises:
            TemporaryFault: a service stayed away for longer than `patience_seconds`.
        """
        began, source = self.begin(), as_command(choice.filter)
        resumed = self.retry(lambda: is_unfinished(self.engine, source, None))
        if not resumed and not self.retry(choice.is_any):
            return None
        opened = self.retry(lambda: choice.open(source, _recorded_options(choice)))
        if opened.was_paused:
            self.progress.print_message(f"Submission {opened.id} was paused; it goes on now.")
        added = self._choose(
            choice, opened.id, Added(known=self.retry(lambda: choice.owned(opened.id)))
        )
        if not self.halted_state(opened.id):
            self.retry(lambda: Intake(self.engine).listing_finished(opened.id))
        counts = self.wait(opened.id, added) if wait else self.step(opened.id, added, listing=False)
        return Report(
            opened,
            target,
            added,
            counts,
            self.retry(lambda: choice.versions_of(opened.id)),
            self.retry(lambda: choice.mostly_before(opened.id)),
            self.retry(lambda: submissions.failure_reasons(self.engine, opened.id)),
            self.retry(lambda: submissions.count_plates(self.engine, opened.id)),
            self.clock() - began,
        )

    def _choose(self, choice: Reprocessing, submission_id: int, added: Added) -> Added:
        """Makes the chosen images pending batch by batch, dispatching between two batches."""
        batches = choice.batches(submission_id)

        def following() -> Sequence[int]:
            nonlocal batches
            try:
                return next(batches, [])
            except TemporaryFault:
                # Its connection is gone. A new choice leaves out the images taken before.
                batches = choice.batches(submission_id)
                raise

        while batch := self.retry(following):
            ids = batch
            added += self.retry(lambda: choice.take(submission_id, ids))  # noqa: B023 - at once
            self.step(submission_id, added, listing=True)
            if self.halted_state(submission_id):
                break
        return added


def as_command(chosen: ReprocessFilter) -> str:
    """Returns the command as typed, which names the submission: `reprocess --below 0.8`."""
    words = [
        word
        for name, value in chosen.options().items()
        for word in (f"--{name}", f"{value:g}" if isinstance(value, float) else str(value))
    ]
    everything = [] if chosen.narrows else ["--all"]
    return shlex.join(["reprocess", *everything, *words])


def _recorded_options(choice: Reprocessing) -> dict[str, Any]:
    return {"command": "reprocess", **choice.filter.options(), "target": choice.target}
