"""`hkplates status`: prints the progress of submissions, and what to do next."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from io import StringIO

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.table import Table

from cli.context import opened_database
from cli.submissions.next_steps import format_step
from hkplates.database.queries import submissions
from hkplates.database.queries.submissions import SubmissionRow
from hkplates.exit_status import ExitStatus
from hkplates.formatting import source_title
from hkplates.reporting.next_steps import CommandLine
from hkplates.reporting.status import Status, statuses
from hkplates.settings import Settings

LATEST_SUBMISSIONS = 20
NARROW_NAMES = ("number", "state", "left", "done", "failed", "set aside", "plates", "ETA")
"""Columns that fit into 80."""
NAMES = (*NARROW_NAMES, "skipped", "images/s")
UNLIMITED_COLUMNS = 100_000
WIDE_COLUMNS = 120
"""Columns of a terminal from which a submission's source stands on the line of its numbers."""


def show_status(submission_id: int | None, settings: Settings, *, as_json: bool) -> int:
    """Runs `hkplates status`; returns the exit status.

    Raises:
        typer.BadParameter: there is no such submission.
    """
    with opened_database(settings) as engine:
        if submission_id is None:
            return _show_all(engine, as_json)
        return _show_one(engine, submission_id, as_json)


def require_submission(engine: sa.Engine, submission_id: int) -> SubmissionRow:
    """Returns the submission of a number.

    Raises:
        typer.BadParameter: there is none; the message lists the latest.
    """
    row = submissions.find_submission(engine, submission_id)
    if row is None:
        latest = [str(one.id) for one in submissions.latest_submissions(engine, LATEST_SUBMISSIONS)]
        known = f"the latest are {', '.join(latest)}" if latest else "nothing was submitted yet"
        raise typer.BadParameter(
            f"there is no submission {submission_id}; {known}. See: hkplates status"
        )
    return row


def _show_all(engine: sa.Engine, as_json: bool) -> int:
    found = statuses(engine, submissions.latest_submissions(engine, LATEST_SUBMISSIONS))
    if as_json:
        typer.echo(json.dumps({"submissions": [status.as_json(format_step) for status in found]}))
    elif found:
        _print_table(found, shutil.get_terminal_size().columns)
        typer.echo("More of one, and what to do next: hkplates status NUMBER")
    else:
        typer.echo("Nothing was submitted yet. Try: hkplates submit FOLDER")
    return ExitStatus.DONE


def _show_one(engine: sa.Engine, submission_id: int, as_json: bool) -> int:
    [status] = statuses(engine, [require_submission(engine, submission_id)])
    typer.echo(json.dumps(status.as_json(format_step)) if as_json else format_status(status))
    return ExitStatus.DONE


def _print_table(found: list[Status], width: int) -> None:
    """Prints the table; a wide terminal folds long sources within a column of their own."""
    if width >= WIDE_COLUMNS and sys.stdout.isatty():
        # A key may hold what looks like markup.
        console = Console(width=width, markup=False, emoji=False, highlight=False)
        console.print(_table(found, NAMES, with_source=True))
    else:
        typer.echo(format_table(found, width))


def format_table(found: list[Status], width: int) -> str:
    """Formats the table as plain lines, however long a source is.

    In less than WIDE_COLUMNS the source has a line of its own below the numbers.
    """
    titles = ["source", *map(_title, found)]
    if width >= WIDE_COLUMNS:
        lines = _render(_table(found, NAMES))
        return "\n".join(f"{line}  {title}" for line, title in zip(lines, titles, strict=True))
    lines = _render(_table(found, NARROW_NAMES))
    indent = max(len(NAMES[0]), *(len(str(status.row.id)) for status in found))
    below = [f"{'':{indent}}  {title}" for title in titles]
    return "\n".join(
        [lines[0], *(part for two in zip(lines[1:], below[1:], strict=True) for part in two)]
    )


def _table(found: list[Status], names: Sequence[str], *, with_source: bool = False) -> Table:
    """Returns a table of numbers below each other; the state stands to the left."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, justify="left" if name == "state" else "right", no_wrap=True)
    if with_source:
        table.add_column("source", overflow="fold")
    for status in found:
        source = [_title(status)] if with_source else []
        table.add_row(*_cells(status)[: len(names)], *source)
    return table


def _render(table: Table) -> list[str]:
    """Renders a table as lines without styles, whatever FORCE_COLOR says."""
    output = StringIO()
    Console(file=output, width=UNLIMITED_COLUMNS, color_system=None).print(table)
    return output.getvalue().splitlines()


def _cells(status: Status) -> list[str]:
    """Returns the values in the order of NAMES."""
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


def _title(status: Status) -> str:
    return source_title(status.row.source, status.row.name)


def _format_eta(status: Status) -> str:
    seconds = status.eta_seconds
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def format_status(status: Status) -> str:
    """Formats one submission as lines."""
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


def format_reasons(reasons: dict[str, int]) -> str:
    """Formats reasons with their counts: `3 missing, 1 empty`."""
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())


def _format_rate(status: Status) -> str:
    if status.row.state not in ("listing", "running"):
        return f"{status.rate:,.1f} images/s over all"
    eta = f"; ETA {_format_eta(status)}" if _format_eta(status) else ""
    recent = f"{status.pace.per_second:,.1f} images/s in the last minute"
    return f"{recent}, {status.rate:,.1f} over all{eta}"


def _format_next_steps(steps: list[CommandLine]) -> list[str]:
    """Formats commands below each other, each with its purpose."""
    return ["Next:", *(f"  {one.command}\n      {one.why}" for one in steps)] if steps else []
