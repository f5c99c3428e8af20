"""What a person may want to do about a submission: commands to type, and what each is for."""

from dataclasses import dataclass

from hkplates.database.queries.submissions import Counts, SubmissionRow
from hkplates.formatting import pluralise, printable, shell_command

WORKER = "celery -A workers.app worker"
DISPATCH = "hkplates dispatch"


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command, and what it is for."""

    command: str
    why: str


def resubmit_command(row: SubmissionRow) -> str | None:
    """What made the submission, to be typed again: it goes on with an unfinished one, and begins
    anew where it has ended. None where nobody can tell."""
    if not row.options:
        name = ["--name", row.name] if row.name else []
        return shell_command("hkplates", "submit", row.source, *name)
    if row.options.get("command") == "reprocess":
        return f"hkplates {printable(row.source)}"  # its source is the command as it was typed
    return None


def suggest(row: SubmissionRow, counts: Counts, *, moving: bool) -> list[NextStep]:
    """What to do next, the most useful first. `moving`: images ended in the last minute."""
    return [*_go_on(row, counts, moving), *_try_again(row, counts)] or _ask(row, counts)


def how_to_send(row: SubmissionRow) -> str:
    """What sends images that wait, in words."""
    again = resubmit_command(row)
    running = "a running `hkplates dispatch` or `hkplates submit` sends them; to start one"
    return f"{running}: {DISPATCH}" + (f", or: {again}" if again else "")


def _go_on(row: SubmissionRow, counts: Counts, moving: bool) -> list[NextStep]:
    """Where it stands still, or could be."""
    again = resubmit_command(row)
    if row.state == "paused":
        return [NextStep(f"hkplates resume {row.id}", "it is paused; this lets it go on")]
    if row.state == "cancelled":
        return [NextStep(again, "it was cancelled; this takes what it left")] if again else []
    if row.state == "listing":
        why = "goes on where it was, unless that command runs already"
        return [NextStep(again, why)] if again else []
    if row.state == "finished" or moving:
        return []
    if not counts.left:
        return [NextStep(DISPATCH, "ends it: all its images have ended")]
    return [
        NextStep(WORKER, "if nothing moves: a worker, which reads"),
        NextStep(
            DISPATCH, "and what sends images to workers" + (f"; or: {again}" if again else "")
        ),
    ]


def _try_again(row: SubmissionRow, counts: Counts) -> list[NextStep]:
    if not counts.rejected:
        return []
    images = pluralise(counts.rejected, "image")
    which = NextStep(f"hkplates failures {row.id}", f"which {images} could not be read, and why")
    if row.state == "cancelled":
        return [which]
    return [which, NextStep(f"hkplates retry {row.id}", "tries them again, also those set aside")]


def _ask(row: SubmissionRow, counts: Counts) -> list[NextStep]:
    if row.state != "finished" or not counts.done:
        return []
    question = f"select mark, uri from sightings where submission_id = {row.id}"  # noqa: S608 - shown
    return [NextStep(f'hkplates sql "{question}"', "its plates")]
