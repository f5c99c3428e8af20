"""Hands what a Postgres URL says to programs that use libpq, such as psql.

Every user of a machine can read the arguments of its processes, so secrets go by the environment,
or by a service file where libpq has no variable for them.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from hkplates.database.engine import connection_arguments
from hkplates.errors import SettingInvalid

_SERVICE = "hkplates"
_BY_VARIABLE = {"host", "hostaddr", "port", "user", "dbname", "passfile", "service", "options"}
_BY_VARIABLE |= {"client_encoding"}  # psql prefers its own to that of a connection string
"""Who and where: handed over in silence. Every libpq has a variable for them, while one that is too
old for another parameter would ignore its variable, and refuses a connection string that has it."""


@dataclass(frozen=True, slots=True)
class LibpqParameters:
    """The parameters of a Postgres URL, by the way in which libpq takes each.

    `environment`: the address and the password, by libpq's variables. `secrets`: what else must be
    hidden and has no variable, by keyword. `conninfo`: a connection string of the others.
    """

    environment: Mapping[str, str]
    conninfo: str
    secrets: Mapping[str, str]


def libpq_parameters(url: str) -> LibpqParameters:
    """Splits what a Postgres URL says by the list of keywords that libpq itself has.

    Raises:
        SettingInvalid: the URL is not one of Postgres, or says what Postgres does not know.
    """
    given = connection_arguments(url)
    environment, plain, secrets = dict[str, str](), dict[str, str](), dict[str, str]()
    for one in Conninfo.get_defaults():
        keyword = one.keyword.decode()
        if keyword not in given:
            continue
        is_secret = one.dispchar != b""  # "*" for passwords, "D" for debugging, keys among it
        if one.envvar is not None and (is_secret or keyword in _BY_VARIABLE):
            environment[one.envvar.decode()] = given[keyword]
        elif is_secret:
            secrets[keyword] = given[keyword]
        else:
            plain[keyword] = given[keyword]
    return LibpqParameters(environment, make_conninfo(**plain), secrets)


@contextmanager
def service_file(parameters: LibpqParameters) -> Iterator[Mapping[str, str]]:
    """Writes the secrets to a service file that this user alone can read, and removes it after.

    Yields the environment that names it, which is empty where there are no secrets.

    Raises:
        SettingInvalid: a service is named already, whose file they belong into, or a service file
            cannot hold one of them.
    """
    if not parameters.secrets:
        yield {}
        return
    names = ", ".join(parameters.secrets)
    if parameters.environment.get("PGSERVICE") or os.environ.get("PGSERVICE"):
        raise SettingInvalid(
            f"DATABASE_URL has {names} beside a service (PGSERVICE); "
            "psql can have them of that service alone: write them into its file"
        )
    lines = [f"{keyword}={value}" for keyword, value in parameters.secrets.items()]
    if any(line != line.strip() or not line.isprintable() for line in lines):
        raise SettingInvalid(
            f"DATABASE_URL has {names} with blanks at the end or characters that do not print, "
            "which cannot be handed to psql"
        )
    with TemporaryDirectory(prefix="hkplates-") as folder:  # only this user may enter it
        file = Path(folder) / "pg_service.conf"
        file.write_text("\n".join([f"[{_SERVICE}]", *lines, ""]), encoding="utf-8")
        yield {"PGSERVICEFILE": str(file), "PGSERVICE": _SERVICE}
