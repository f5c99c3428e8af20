"""`hkplates failures`: which images could not be read, and why, however many there are."""

import csv
import io
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import Any, Literal

import typer

from cli.context import INTERRUPTED, PIPE_BROKEN, opened_engine
from cli.submissions.status import require_submission
from hkplates.database.queries.failures import Failure, count_failures, failures
from hkplates.database.schema.failure_reasons import REASONS
from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded import servers as embedded
from hkplates.formatting import pluralise, printable, shell_command
from hkplates.settings import Settings

Form = Literal["text", "csv", "json"]
COLUMNS = ("submission", "image", "state", "reason", "attempts", "processed_at", "uri", "detail")


def require_reason(reason: str | None) -> None:
    """Refuse a reason that no image can have.

    Raises:
        typer.BadParameter: it says which there are.
    """
    if reason is not None and reason not in REASONS:
        raise typer.BadParameter(f"there is no reason {reason!r}; expected {', '.join(REASONS)}")


def show_failures(
    submission_id: int | None, reason: str | None, limit: int | None, form: Form, settings: Settings
) -> int:
    """`hkplates failures`; the exit status."""
    require_reason(reason)
    try:
        with opened_engine(embedded.resolve_database_url(settings)) as engine:
            require_current_schema(engine)
            if submission_id is not None:
                require_submission(engine, submission_id)
            with closing(failures(engine, submission_id, reason, limit)) as found:
                if form == "text":
                    # Listed in part, as many are tried again as there are.
                    all_of_them = (
                        None if limit is None else count_failures(engine, submission_id, reason)
                    )
                    _write(format_text(found, _retry_command(submission_id, reason), all_of_them))
                else:
                    _write(FORMS[form](found))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read had enough; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_BROKEN
    return 0


def _write(pieces: Iterable[str]) -> None:
    """In UTF-8, whatever the terminal's language: a key may hold any character."""
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
    sys.stdout.buffer.flush()


def format_json(found: Iterable[Failure]) -> Iterator[str]:
    """One JSON object a line: a contract."""
    for failure in found:
        yield json.dumps(dict(zip(COLUMNS, _fields(failure), strict=True))) + "\n"


def format_csv(found: Iterable[Failure]) -> Iterator[str]:
    """A line of names, then one for each image; a key's newline stands within its quotes."""
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
    """The command that tries again what was asked for, and nothing else."""
    number = [] if submission_id is None else [str(submission_id)]
    return shell_command("hkplates", "retry", *number, *(["--reason", reason] if reason else []))


def format_text(
    found: Iterable[Failure], retry: str = "hkplates retry", total: int | None = None
) -> Iterator[str]:
    """Two lines or more for each image, under the number of its submission; then what to type.

    `total`: how many there are, where `found` may not be all.
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
    """In the order of COLUMNS."""
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
    """The photograph on a line of its own, to be copied; then why."""
    aside = "set aside, " if failure.state == "quarantined" else ""
    at = f", {failure.ended_at.astimezone():%Y-%m-%d %H:%M:%S}" if failure.ended_at else ""
    begun = f"begun {pluralise(failure.attempts, 'time')}"
    why = f"{failure.reason} ({aside}{begun}{at}): {printable(failure.detail or 'no detail')}"
    lines = textwrap.wrap(why, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join([f"  {printable(failure.uri)}", *lines]) + "\n"
