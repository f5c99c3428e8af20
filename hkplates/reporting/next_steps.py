"""Suggests what to do next about a submission; the words for it are those of who shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from hkplates.database.queries.submissions import Counts, SubmissionRow


class NextStep(Enum):
    """A thing that a person may do about a submission."""

    RESUME = auto()
    RESUBMIT = auto()
    """It was cancelled, and can be begun anew."""
    CONTINUE_LISTING = auto()
    START_WORKER = auto()
    START_DISPATCH = auto()
    FINISH = auto()
    """Nothing is left of it, and no dispatch has finished it."""
    LIST_FAILURES = auto()
    RETRY = auto()
    QUERY_PLATES = auto()


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command line that takes a step, and what it is for."""

    command: str
    why: str


FormatStep = Callable[[NextStep, SubmissionRow, Counts], CommandLine]
"""Returns the command line that takes a step about a submission."""


def can_resubmit(row: SubmissionRow) -> bool:
    """Returns whether the command that made the submission is known: given again, it goes on with
    an unfinished one, and begins anew where it has ended."""
    return not row.options or row.options.get("command") == "reprocess"


def suggest(row: SubmissionRow, counts: Counts, *, moving: bool) -> list[NextStep]:
    """Returns the next steps, the most useful first. `moving`: images ended in the last minute."""
    steps = [*_to_continue(row, counts, moving), *_about_failures(row, counts)]
    if not steps and row.state == "finished" and counts.done:
        return [NextStep.QUERY_PLATES]
    return steps


def _to_continue(row: SubmissionRow, counts: Counts, moving: bool) -> list[NextStep]:
    """Returns the steps by which a submission goes on that stands still, or may stand still."""
    if row.state == "paused":
        return [NextStep.RESUME]
    if row.state == "cancelled":
        return [NextStep.RESUBMIT] if can_resubmit(row) else []
    if row.state == "listing":
        return [NextStep.CONTINUE_LISTING] if can_resubmit(row) else []
    if row.state == "finished" or moving:
        return []
    if not counts.left:
        return [NextStep.FINISH]
    return [NextStep.START_WORKER, NextStep.START_DISPATCH]


def _about_failures(row: SubmissionRow, counts: Counts) -> list[NextStep]:
    if not counts.rejected:
        return []
    if row.state == "cancelled":
        return [NextStep.LIST_FAILURES]
    return [NextStep.LIST_FAILURES, NextStep.RETRY]
