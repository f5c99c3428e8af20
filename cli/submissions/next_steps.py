"""The command lines that take the next steps about a submission, for the terminal and the page."""

from hkplates.database.queries.submissions import Counts, SubmissionRow
from hkplates.formatting import pluralise, printable, shell_command
from hkplates.reporting.next_steps import CommandLine, NextStep, can_resubmit

WORKER = "celery -A workers.app worker"
DISPATCH = "hkplates dispatch"


def format_step(step: NextStep, row: SubmissionRow, counts: Counts) -> CommandLine:
    """Returns the command line that takes a step, and what it is for."""
    again = resubmit_command(row) or ""
    rejected = pluralise(counts.rejected, "image")
    query = f"select mark, uri from sightings where submission_id = {row.id}"  # noqa: S608 - shown
    command, why = {
        NextStep.RESUME: (f"hkplates resume {row.id}", "it is paused; this lets it go on"),
        NextStep.RESUBMIT: (again, "it was cancelled; this takes what it left"),
        NextStep.CONTINUE_LISTING: (
            again,
            "goes on where it was, unless that command runs already",
        ),
        NextStep.START_WORKER: (WORKER, "if nothing moves: a worker, which reads"),
        NextStep.START_DISPATCH: (
            DISPATCH,
            "and what sends images to workers" + (f"; or: {again}" if again else ""),
        ),
        NextStep.FINISH: (DISPATCH, "ends it: all its images have ended"),
        NextStep.LIST_FAILURES: (
            f"hkplates failures {row.id}",
            f"which {rejected} could not be read, and why",
        ),
        NextStep.RETRY: (f"hkplates retry {row.id}", "tries them again, also those set aside"),
        NextStep.QUERY_PLATES: (f'hkplates sql "{query}"', "its plates"),
    }[step]
    return CommandLine(command, why)


def resubmit_command(row: SubmissionRow) -> str | None:
    """Returns the command that made the submission, to be typed again; None where it is not
    known."""
    if not can_resubmit(row):
        return None
    if row.options:
        return f"hkplates {printable(row.source)}"  # its source is the command as it was typed
    name = ["--name", row.name] if row.name else []
    return shell_command("hkplates", "submit", row.source, *name)


def how_to_send(row: SubmissionRow) -> str:
    """Returns a sentence that says what sends the images that wait."""
    again = resubmit_command(row)
    running = "a running `hkplates dispatch` or `hkplates submit` sends them; to start one"
    return f"{running}: {DISPATCH}" + (f", or: {again}" if again else "")
