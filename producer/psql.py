"""`hkplates sql`: psql on the results, with the address and the password handed over in silence."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from hkplates import embedded
from hkplates.errors import SetupError
from hkplates.servers import postgres
from hkplates.settings import Settings

# libpq's variables, by the names that connection strings use.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


def run_psql(query: str | None, settings: Settings) -> int:
    """Run one query, or give a prompt where there is none; psql's exit status.

    The embedded servers are started for as long as it takes, where no other database is named.

    Raises:
        SetupError: there is no psql.
    """
    with _database(settings) as url:
        # One answer is printed whole; at the prompt a pager is welcome.
        arguments = ["--pset=pager=off", "--command", query] if query else []
        return subprocess.run(
            [_program(), "--no-psqlrc", "--set", "ON_ERROR_STOP=1", *arguments],
            env={**os.environ, **_environment(url)},
            check=False,
        ).returncode


@contextmanager
def _database(settings: Settings) -> Iterator[str]:
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    found = embedded.running(settings.data_folder)
    if found is not None:
        yield found.database_url
        return
    try:
        yield embedded.start(settings.data_folder).database_url
    finally:
        embedded.stop(settings.data_folder)


def _environment(url: str) -> dict[str, str]:
    """In the environment and not among the arguments, which every user of the machine can read."""
    parts = conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://"))
    return {
        variable: str(parts[name])
        for name, variable in _VARIABLES.items()
        if parts.get(name) is not None
    }


def _program() -> str:
    """The machine's own psql, else the one that comes with the embedded PostgreSQL."""
    found = shutil.which("psql")
    if found:
        return found
    try:
        return str(Path(postgres.programs_folder()) / "psql")
    except SetupError:
        raise SetupError(
            "There is no psql here; install it (Debian: postgresql-client), "
            "or run: pip install 'hkplates[local]'"
        ) from None
