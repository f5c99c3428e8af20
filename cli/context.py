"""Provides contexts that commands share: an open database, Ctrl-C and a closed pipe.

Imports nothing heavy: `hkplates read` shares it and needs no database.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from hkplates.exit_status import ExitStatus
from hkplates.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa


@contextmanager
def opened_engine(url: str) -> Iterator["sa.Engine"]:
    """Opens an engine and closes its connections at the end."""
    from hkplates.database.engine import open_engine

    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def opened_database(settings: Settings) -> Iterator["sa.Engine"]:
    """Opens the results' database: DATABASE_URL, else the embedded server that runs.

    Raises:
        ServersNotRunning: no database is named, and the embedded servers do not run.
        SchemaNotCurrent: the database is at another migration.
        DatabaseUnreachable: Postgres does not answer.
    """
    from hkplates.database.schema.revision import require_current_schema
    from hkplates.embedded.servers import resolve_database_url

    with opened_engine(resolve_database_url(settings)) as engine:
        require_current_schema(engine)
        yield engine


@contextmanager
def interruption_reported(message: str | None = None) -> Iterator[None]:
    """Ends the command with status 130 on KeyboardInterrupt, after `message` on standard error.

    Raises:
        typer.Exit: the command was interrupted.
    """
    try:
        yield
    except KeyboardInterrupt:
        if message is not None:
            typer.echo(message, err=True)
        raise typer.Exit(ExitStatus.INTERRUPTED) from None


@contextmanager
def closed_pipe_accepted(status: ExitStatus = ExitStatus.OUTPUT_CLOSED) -> Iterator[None]:
    """Ends the command with `status` when the reader of standard output has gone, as `head` does.

    Raises:
        typer.Exit: standard output is a pipe that nobody reads any more.
    """
    try:
        yield
    except BrokenPipeError:
        # Python would complain of it once more when it flushes standard output at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(status) from None
