"""`hkplates status`: how far submissions are, and what to do next."""

import json
import shutil
from dataclasses import asdict
from datetime import timedelta

import sqlalchemy as sa
import typer

from cli.context import opened_engine
from cli.submissions.next_steps import format_step
from cli.submissions.submit import format_reasons
from hkplates.database.queries import submissions as queries
from hkplates.database.queries.submissions import SubmissionRow
from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded import servers as embedded
from hkplates.formatting import source_title
from hkplates.reporting.next_steps import CommandLine
from hkplates.reporting.status import Status, statuses
from hkplates.settings import Settings

LATEST_SUBMISSIONS = 20
WIDE_COLUMNS = 120
"""Columns of a terminal from which a submission's source stands on the line of its numbers."""


def show_status(submission_id: int | None, settings: Settings, *, as_json: bool) -> int:
    """`hkplates status`; the exit status."""
    with opened_engine(embedded.resolve_database_url(settings)) as engine:
        require_current_schema(engine)
        if submission_id is None:
            return _show_all(engine, as_json)
        return _show_one(engine, submission_id, as_json)


def require_submission(engine: sa.Engine, submission_id: int) -> SubmissionRow:
    """The submission of a number.

    Raises:
        typer.BadParameter: there is none; it says which there are.
    """
    row = queries.find_submission(engine, submission_id)
    if row is None:
        latest = [str(one.id) for one in queries.latest_submissions(engine, LATEST_SUBMISSIONS)]
        known = f"the latest are {', '.join(latest)}" if latest else "nothing was submitted yet"
        raise typer.BadParameter(
            f"there is no submission {submission_id}; {known}. See: hkplates status"
        )
    return row


def _show_all(engine: sa.Engine, as_json: bool) -> int:
    found = statuses(engine, queries.latest_submissions(engine, LATEST_SUBMISSIONS))
    if as_json:
        typer.echo(json.dumps({"submissions": [status.as_json(format_step) for status in found]}))
    elif found:
        typer.echo(format_table(found, shutil.get_terminal_size().columns))
        typer.echo("More of one, and what to do next: hkplates status NUMBER")
    else:
        typer.echo("Nothing was submitted yet. Try: hkplates submit FOLDER")
    return 0


def _show_one(engine: sa.Engine, submission_id: int, as_json: bool) -> int:
    [status] = statuses(engine, [require_submission(engine, submission_id)])
    typer.echo(json.dumps(status.as_json(format_step)) if as_json else format_status(status))
    return 0


def format_table(found: list[Status], width: int) -> str:
    """Numbers below each other. In less than WIDE columns the source has a line of its own."""
    wide = width >= WIDE_COLUMNS
    cells = [_HEADS] + [_cells(status) for status in found]
    if not wide:
        cells = [row[:_ALWAYS] for row in cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(_aligned(row, widths)) for row in cells]
    titles = ["source", *map(_title, found)]
    if wide:
        return "\n".join(f"{line}  {title}" for line, title in zip(lines, titles, strict=True))
    below = [f"{'':{widths[0]}}  {title}" for title in titles[1:]]
    return "\n".join(
        [lines[0], *(part for two in zip(lines[1:], below, strict=True) for part in two)]
    )


_HEADS = ["number", "state", "left", "done", "failed", "set aside", "plates", "ETA"]
_HEADS += ["skipped", "images/s"]
_ALWAYS = 8
"""Columns that fit into 80."""


def _cells(status: Status) -> list[str]:
    row, counts = status.row, status.counts
    numbers = (counts.left, counts.done, counts.failed, counts.quarantined)
    rate = status.pace.per_second if row.state == "running" else status.rate
    return [
        str(row.id),
        row.state,
        *(f"{number:,}" for number in numbers),
        f"{'' if status.plates.exact else '~'}{status.plates.number:,}",
        _format_eta(status),
        f"{row.skipped:,}",
        f"{rate:,.1f}",
    ]


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    """Numbers to the right, the state to the left."""
    return [
        f"{cell:<{width}}" if place == 1 else f"{cell:>{width}}"
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _title(status: Status) -> str:
    return source_title(status.row.source, status.row.name)


def _format_eta(status: Status) -> str:
    seconds = status.eta_seconds
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def format_status(status: Status) -> str:
    """One submission in some lines."""
    row, counts = status.row, status.counts
    states = [f"{n:,} {_STATES.get(state, state)}" for state, n in asdict(counts).items() if n]
    lines = [
        f"Submission {row.id} of {_title(status)}: {row.state}",
        f"Images: {', '.join(states) or 'none yet'}; {row.skipped:,} skipped",
    ]
    if status.pace.delayed:
        lines.append(f"Waiting until a service is back: {status.pace.delayed:,} of the pending")
    if status.reasons:
        lines.append(f"Not read: {format_reasons(status.reasons)}")
    about = "" if status.plates.exact else "about "
    lines += [f"Plates: {about}{status.plates.number:,}", f"Rate: {_format_rate(status)}"]
    return "\n".join([*lines, *_format_next_steps(status.next_steps(format_step))])


_STATES = {"quarantined": "set aside"}


def _format_rate(status: Status) -> str:
    if status.row.state not in ("listing", "running"):
        return f"{status.rate:,.1f} images/s over all"
    eta = f"; ETA {_format_eta(status)}" if _format_eta(status) else ""
    recent = f"{status.pace.per_second:,.1f} images/s in the last minute"
    return f"{recent}, {status.rate:,.1f} over all{eta}"


def _format_next_steps(steps: list[CommandLine]) -> list[str]:
    """Commands below each other, with what each is for."""
    return ["Next:", *(f"  {one.command}\n      {one.why}" for one in steps)] if steps else []
