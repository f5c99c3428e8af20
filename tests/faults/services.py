"""Starts and breaks PostgreSQL, Valkey, S3 and the fault proxy before it, of one run alone."""

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import psycopg
import redis
import sqlalchemy as sa
from psycopg import sql
from servers import s3_server
from servers.fault_proxy import FaultProxy, proxied
from servers.processes import variables
from servers.s3 import S3

from hkplates.database.engine import open_engine
from hkplates.database.schema.migrate import migrate
from hkplates.embedded import postgres, valkey

END_SECONDS = 30.0
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Services:
    """The servers of a run.

    `database_password` opens nothing (the servers ask for none on a socket of their owner's); it is
    there to be looked for in logs, where no password may stand.
    """

    folder: Path
    cluster: Path
    broker: valkey.Valkey
    s3: S3
    proxy: FaultProxy
    database_password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)

    def secrets(self) -> dict[str, str]:
        """Returns credentials, which may stand in no log, row or message, by description."""
        return {
            "the password of the database": self.database_password,
            "the password of Redis": self.broker.password,
            "the secret key of S3": self.s3.secret_key,
        }

    def make_database(self, name: str) -> str:
        """Makes a migrated database for one run; returns its URL for the owner."""
        with psycopg.connect(postgres.url(self.cluster), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = postgres.url(self.cluster, name)
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        return url

    def environment(self, database: str, settings: dict[str, str]) -> dict[str, str]:
        """Returns the programs' environment: S3 through the proxy, the database as the writer role.

        That role may not change tables.
        """
        url = sa.make_url(postgres.url(self.cluster, database)).set(password=self.database_password)
        url = url.update_query_dict({"options": "-c role=hkplates_writer"})
        s3 = replace(self.s3, endpoint=self.proxy.endpoint).environment()
        return {
            **variables(url.render_as_string(hide_password=False), self.broker.url, **s3),
            "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
            **settings,
        }

    def redis(self) -> redis.Redis:
        """Returns a client of Redis with a timeout of five seconds."""
        return redis.Redis.from_url(self.broker.url, socket_timeout=5)

    def stop_postgres(self, how: signal.Signals) -> None:
        """Stops PostgreSQL: SIGINT ends its connections in order; SIGQUIT and SIGKILL crash it."""
        pid = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        _end(pid, how)

    def start_postgres(self) -> None:
        postgres.start(self.cluster)

    def kill_redis(self, how: signal.Signals = signal.SIGKILL, *, forget: bool = False) -> None:
        """Kills Redis, and with `forget` removes its data as well."""
        _end(int((self.broker.folder / "server.pid").read_text()), how)
        if forget:
            shutil.rmtree(self.broker.folder / "appendonlydir")

    def start_redis(self) -> None:
        valkey.start(self.broker)


@contextmanager
def services(seed: int) -> Iterator[Services]:
    """Yields running servers in a temporary folder; they are stopped and removed at the end."""
    # Where root's PostgreSQL, which runs as another user, may enter.
    folder = Path(tempfile.mkdtemp(prefix="hkplates-faults-"))
    folder.chmod(0o755)
    cluster = postgres.cluster_folder(folder / "postgres")
    broker = valkey.Valkey(folder / "valkey", valkey.free_port(), secrets.token_hex(12))
    try:
        postgres.start(cluster)
        valkey.start(broker)
        with s3_server.serve() as s3, proxied(s3.endpoint, seed) as proxy:
            yield Services(folder, cluster, broker, s3, proxy)
    finally:
        valkey.stop(broker)
        postgres.stop(cluster)
        shutil.rmtree(folder, ignore_errors=True)


def _end(pid: int, how: signal.Signals) -> None:
    """Signals a server and waits until it is gone.

    Raises:
        RuntimeError: It is still there after END_SECONDS.
    """
    process = psutil.Process(pid)
    process.send_signal(how)
    deadline = time.monotonic() + END_SECONDS
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process} did not end after {how.name}")
        time.sleep(0.02)
