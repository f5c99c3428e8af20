"""`hkplates pause`, `resume`, `cancel` and `retry`: change the state of submissions."""

import json
from collections import Counter
from dataclasses import asdict
from typing import Literal

import sqlalchemy as sa
import typer

from cli.context import opened_database
from cli.submissions.failures import require_reason
from cli.submissions.next_steps import how_to_send, resubmit_command
from cli.submissions.status import format_reasons, require_submission
from hkplates.database.ledger.control import Change, Control, Retried
from hkplates.database.queries.submissions import SubmissionRow, count_images, find_submission
from hkplates.exit_status import ExitStatus
from hkplates.formatting import pluralise, source_title
from hkplates.settings import Settings

Verb = Literal["pause", "resume", "cancel"]


def change_state(verb: Verb, submission_id: int, settings: Settings, *, as_json: bool) -> int:
    """Runs `hkplates pause`, `resume` or `cancel`; returns the exit status.

    Raises:
        typer.BadParameter: there is no such submission.
    """
    with opened_database(settings) as engine:
        require_submission(engine, submission_id)
        control = Control(engine)
        acts = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
        change = acts[verb](submission_id)
        row = require_submission(engine, submission_id)
        if change is not None and not as_json:
            cancelled = count_images(engine, submission_id).cancelled if verb == "cancel" else 0
            typer.echo(format_change(verb, change, row, cancelled))
    if change is not None and as_json:
        typer.echo(json.dumps(asdict(change)))
    return ExitStatus.DONE


def format_change(verb: Verb, change: Change, row: SubmissionRow, cancelled: int) -> str:
    """Formats what changed, or that nothing had to, and the command that follows.

    `cancelled` counts the images of the submission that are cancelled.
    """
    subject = _format_submission(row)
    if verb == "cancel" and change.after == "cancelled":
        outcome = _format_cancellation(change, cancelled)
        return f"{subject} {outcome}. {_format_resubmission(row)}".rstrip()
    if change.before == change.after:
        return f"{subject} {_format_unchanged(verb, change.after, row)}".rstrip()
    if verb == "pause":
        return (
            f"{subject} is paused: workers finish what they have begun. "
            f"To let it go on: hkplates resume {change.submission}"
        )
    if change.after == "finished":
        return f"{subject} goes on, and has finished: nothing was left to do."
    return f"{subject} goes on; {how_to_send(row)}"


def _format_submission(row: SubmissionRow) -> str:
    return f"Submission {row.id} of {source_title(row.source, row.name)}"


def _format_cancellation(change: Change, cancelled: int) -> str:
    parts = []
    if cancelled:
        parts.append(f"{pluralise(cancelled, 'image')} will not be read")
    if change.kept:
        kept = pluralise(change.kept, "image stays as it was", "images stay as they were")
        parts.append(f"{kept} read before")
    verb = "was cancelled already" if change.before == change.after else "is cancelled"
    return f"{verb}: {', '.join(parts) or 'no image was left to read'}"


def _format_resubmission(row: SubmissionRow) -> str:
    again = resubmit_command(row)
    return f"To read them after all: {again}" if again else ""


def _format_unchanged(verb: Verb, state: str, row: SubmissionRow) -> str:
    """Formats why nothing was changed."""
    if state == "finished":
        return f"has finished; there is nothing to {verb}."
    if state == "cancelled":
        return f"was cancelled. {_format_resubmission(row)}"
    if state == "paused":
        return f"is paused already. To let it go on: hkplates resume {row.id}"
    return f"is not paused; it is {state} already."


def run_retry(
    submission_id: int | None, reason: str | None, settings: Settings, *, as_json: bool
) -> int:
    """Runs `hkplates retry`; returns the exit status.

    Raises:
        typer.BadParameter: there is no such submission or reason.
    """
    require_reason(reason)
    with opened_database(settings) as engine:
        if submission_id is not None:
            require_submission(engine, submission_id)
        retried = Control(engine).retry(submission_id, reason)
        if as_json:
            typer.echo(_as_json(retried))
            return ExitStatus.DONE
        if not retried and submission_id is not None:
            # Nothing has failed in it; a cancelled one is reported as cancelled all the same.
            row = require_submission(engine, submission_id)
            retried = [Retried(row.id, row.source, row.state)]
        typer.echo(_format_retried(engine, retried))
    return ExitStatus.DONE


def _as_json(retried: list[Retried]) -> str:
    """Returns the object that `--json` prints: a contract."""
    reasons = _total_reasons(retried)
    submissions = [
        {"submission": one.submission, "state": one.state, "reasons": dict(one.reasons)}
        for one in retried
    ]
    return json.dumps(
        {"images": sum(reasons.values()), "reasons": reasons, "submissions": submissions}
    )


def _format_retried(engine: sa.Engine, retried: list[Retried]) -> str:
    reasons = _total_reasons(retried)
    if not reasons:
        lines = ["No image is to be tried again."]
    else:
        images = pluralise(sum(reasons.values()), "image waits", "images wait")
        lines = [f"{images} to be tried again: {format_reasons(reasons)}."]
    for one in retried:
        if row := find_submission(engine, one.submission):
            lines += _format_submission_retried(one, row)
    return "\n".join(lines)


def _format_submission_retried(one: Retried, row: SubmissionRow) -> list[str]:
    """Formats what will send the images of one submission, or why they are left alone."""
    subject = _format_submission(row)
    if one.state == "cancelled":
        again = resubmit_command(row)
        return [f"{subject} was cancelled; to read its images: {again}"] if again else []
    if not one.images:
        return []
    if one.state == "paused":
        return [
            f"{subject}: {pluralise(one.images, 'image')}; it is paused, to let it go on: "
            f"hkplates resume {one.submission}"
        ]
    return [f"{subject}: {pluralise(one.images, 'image')}; {how_to_send(row)}"]


def _total_reasons(retried: list[Retried]) -> dict[str, int]:
    """Counts the reasons over all submissions, the most frequent first."""
    total: Counter[str] = Counter()
    for one in retried:
        total.update(one.reasons)
    return dict(total.most_common())
