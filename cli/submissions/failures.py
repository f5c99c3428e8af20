"""`hkplates failures`: lists the images that could not be read, and why, in constant memory."""

import csv
import io
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, Literal

import typer

from cli.context import closed_pipe_accepted, interruption_reported, opened_database
from cli.submissions.status import require_submission
from hkplates.database.queries.failures import Failure, count_failures, failures
from hkplates.database.schema.failure_reasons import REASONS
from hkplates.exit_status import ExitStatus
from hkplates.formatting import pluralise, printable, shell_command
from hkplates.settings import Settings

Form = Literal["text", "csv", "json"]
COLUMNS = ("submission", "image", "state", "reason", "attempts", "processed_at", "uri", "detail")


def require_reason(reason: str | None) -> None:
    """Refuses a reason that no image can have.

    Raises:
        typer.BadParameter: there is no such reason; the message lists those that exist.
    """
    if reason is not None and reason not in REASONS:
        raise typer.BadParameter(f"there is no reason {reason!r}; expected {', '.join(REASONS)}")


def show_failures(
    submission_id: int | None, reason: str | None, limit: int | None, form: Form, settings: Settings
) -> int:
    """Runs `hkplates failures`; returns the exit status.

    Raises:
        typer.BadParameter: there is no such submission or reason.
        typer.Exit: interrupted, or nobody reads the output any more.
    """
    require_reason(reason)
    with interruption_reported(), closed_pipe_accepted(), opened_database(settings) as engine:
        if submission_id is not None:
            require_submission(engine, submission_id)
        with closing(failures(engine, submission_id, reason, limit)) as found:
            if form == "text":
                # `hkplates retry` takes all of them, also where only some are listed.
                total = None if limit is None else count_failures(engine, submission_id, reason)
                _write(format_text(found, _retry_command(submission_id, reason), total))
            else:
                _write(FORMS[form](found))
    return ExitStatus.DONE


def _write(pieces: Iterable[str]) -> None:
    """Writes UTF-8, whatever the terminal's locale: a key may hold any character."""
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


def format_json(found: Iterable[Failure]) -> Iterator[str]:
    """Yields one JSON object a line: a contract."""
    for failure in found:
        yield json.dumps(dict(zip(COLUMNS, _fields(failure), strict=True))) + "\n"


def format_csv(found: Iterable[Failure]) -> Iterator[str]:
    """Yields a line of names, then one for each image; a key's newline stands within quotes."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for failure in found:
        writer.writerow(_fields(failure))
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()  # the names, where nothing followed them


def _retry_command(submission_id: int | None, reason: str | None) -> str:
    """Returns the command that retries just the failures that were asked for."""
    number = [] if submission_id is None else [str(submission_id)]
    return shell_command("hkplates", "retry", *number, *(["--reason", reason] if reason else []))


def format_text(
    found: Iterable[Failure], retry: str = "hkplates retry", total: int | None = None
) -> Iterator[str]:
    """Yields two lines or more for each image under its submission's number, then a command.

    `total` is the number of failures, where `found` may not be all of them.
    """
    width = max(40, min(shutil.get_terminal_size().columns, 120))
    number, images = None, 0
    for failure in found:
        images += 1
        if failure.submission != number:
            number = failure.submission
            yield f"Submission {number}\n"
        yield _format_failure(failure, width)
    if total is not None and total > images:
        yield f"{images:,} of {pluralise(total, 'image')}. To try all again: {retry}\n"
    elif images:
        yield f"{pluralise(images, 'image')}. To try them again: {retry}\n"
    else:
        yield "No image failed or was set aside.\n"


FORMS: dict[Form, Callable[[Iterable[Failure]], Iterator[str]]] = {
    "json": format_json,
    "csv": format_csv,
}


def _fields(failure: Failure) -> list[Any]:
    """Returns the values in the order of COLUMNS."""
    return [
        failure.submission,
        failure.image,
        failure.state,
        failure.reason,
        failure.attempts,
        failure.ended_at and failure.ended_at.isoformat(),
        failure.uri,
        failure.detail,
    ]


def _format_failure(failure: Failure, width: int) -> str:
    """Formats the photograph on a line of its own, to be copied, and the reason below it."""
    aside = "set aside, " if failure.state == "quarantined" else ""
    at = f", {failure.ended_at.astimezone():%Y-%m-%d %H:%M:%S}" if failure.ended_at else ""
    begun = f"begun {pluralise(failure.attempts, 'time')}"
    why = f"{failure.reason} ({aside}{begun}{at}): {printable(failure.detail or 'no detail')}"
    lines = textwrap.wrap(why, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join([f"  {printable(failure.uri)}", *lines]) + "\n"
