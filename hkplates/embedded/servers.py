"""Starts and finds PostgreSQL and Valkey under a data folder, for laptops, the demo and the tests.

They run on after the program that started them ends, and are found again by whoever has the same
data folder. Under it lie `servers.json` (where they are, and Valkey's password; for its owner
alone), `postgres/` and `valkey/`. As root, PostgreSQL's files belong to a system user, and lie in
/var/lib/hkplates where that user could not reach the data folder.
"""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hkplates.embedded import postgres, valkey
from hkplates.errors import ServersNotRunning, SetupError
from hkplates.settings import Settings


@dataclass(frozen=True, slots=True)
class Servers:
    """URLs of the two servers.

    The broker's URL holds its password: hand it on, never print it. The database's holds none.
    """

    database_url: str
    broker_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _ServerState:
    """State that servers.json keeps: chosen once."""

    cluster: Path
    broker: valkey.Valkey

    @property
    def servers(self) -> Servers:
        return Servers(postgres.url(self.cluster), self.broker.url)


def start(data: Path) -> Servers:
    """Starts what does not run yet, creating both servers on first use.

    Raises:
        SetupError: the extra `local` is not installed, or a server did not start.
    """
    data = data.expanduser().absolute()
    with _locked(data):
        places = _load_state(data) or _choose_state(data)
        if not valkey.is_running(places.broker) and not valkey.port_is_free(places.broker.port):
            places = _choose_state(data, places)  # another program has taken our port since
        postgres.start(places.cluster)
        valkey.start(places.broker)
        return places.servers


def running(data: Path) -> Servers | None:
    """Returns the servers of a folder, if both answer."""
    places = _load_state(data.expanduser().absolute())
    if places is None:
        return None
    both = postgres.is_running(places.cluster) and valkey.is_running(places.broker)
    return places.servers if both else None


def stop(data: Path) -> bool:
    """Stops whatever of the two runs, with everything written; returns True if anything ran."""
    data = data.expanduser().absolute()
    if (places := _load_state(data)) is None:
        return False
    with _locked(data):
        ran = valkey.is_running(places.broker) | postgres.is_running(places.cluster)
        valkey.stop(places.broker)
        postgres.stop(places.cluster)
    return ran


def resolve_urls(settings: Settings) -> tuple[str, str]:
    """Returns database and broker URL: of the settings, else of the embedded servers that run.

    Raises:
        ServersNotRunning: one is not named, and the embedded servers do not run.
    """
    database, broker = settings.database_url, settings.broker_url
    if database is not None and broker is not None:
        return database.get_secret_value(), broker.get_secret_value()
    found = running(settings.data_folder)
    if found is None:
        missing = "DATABASE_URL" if database is None else "CELERY_BROKER_URL"
        raise ServersNotRunning(
            f"{missing} is not set, and no embedded servers run under {settings.data_folder}; "
            "set it, or run `hkplates up`"
        )
    return (
        database.get_secret_value() if database else found.database_url,
        broker.get_secret_value() if broker else found.broker_url,
    )


def resolve_database_url(settings: Settings) -> str:
    """Returns DATABASE_URL, else the URL of the embedded server that runs.

    Raises:
        ServersNotRunning: it is not set, and the embedded servers do not run.
    """
    named = settings.database_url
    return resolve_urls(settings)[0] if named is None else named.get_secret_value()


def make_data_folder(data: Path) -> None:
    """Makes a data folder where there is none.

    Raises:
        SetupError: it cannot be made, or not be written to.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        raise _unusable(data, error) from None


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """Holds the folder's lock: one program at a time starts or stops its servers."""
    make_data_folder(data)
    try:
        if os.geteuid() == 0:
            data.chmod(data.stat().st_mode | 0o011)  # PostgreSQL's user passes through it
        lock = (data / "servers.lock").open("a")
    except OSError as error:
        raise _unusable(data, error) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unusable(data: Path, error: OSError) -> SetupError:
    return SetupError(
        f"the data folder {data} cannot be used ({error.strerror}); "
        "set HKPLATES_DATA to a folder of your own"
    )


def _load_state(data: Path) -> _ServerState | None:
    try:
        found = json.loads((data / "servers.json").read_text())
        cluster = postgres.cluster_folder(data / "postgres")
        broker = valkey.Valkey(data / "valkey", int(found["port"]), str(found["password"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(data, error) from None
    except (ValueError, KeyError, TypeError):
        raise SetupError(f"{data / 'servers.json'} is damaged; remove it and start again") from None
    return _ServerState(cluster, broker)


def _choose_state(data: Path, before: _ServerState | None = None) -> _ServerState:
    """Chooses a port and a password, and keeps them where only the owner can read."""
    password = before.broker.password if before else secrets.token_hex(24)
    broker = valkey.Valkey(data / "valkey", valkey.free_port(), password)
    new = data / "servers.json.new"
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(json.dumps({"port": broker.port, "password": password}))
        new.replace(data / "servers.json")
    except OSError as error:
        raise _unusable(data, error) from None
    return _ServerState(postgres.cluster_folder(data / "postgres"), broker)
