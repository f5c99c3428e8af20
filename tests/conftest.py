"""What the tests stand on: real servers, started only for the tests that ask for them.

Where HKPLATES_TEST_DATABASE_URL (a database whose user may create others) or
HKPLATES_TEST_BROKER_URL is set, that server is used; else the embedded ones are started in a
temporary folder and stopped at the end. An S3 server is started for the tests that ask for `s3`,
unless HKPLATES_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY name one.
"""

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis
import sqlalchemy as sa
from hypothesis import settings
from psycopg import sql
from servers.reaper import stop_at_exit

from hkplates.database.engine import open_engine
from hkplates.embedded import servers as embedded

if TYPE_CHECKING:
    from servers.s3 import S3

# A shell without job control starts what it puts in the background deaf to Ctrl-C, and so would be
# all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is timed: a busy machine takes longer over the same.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

KINDS = ("unit", "integration", "acceptance", "faults")
URLS = ("DATABASE_URL", "CELERY_BROKER_URL")


def pytest_configure(config: pytest.Config) -> None:
    """`pytest -m unit` is `pytest tests/unit`."""
    for kind in KINDS:
        config.addinivalue_line("markers", f"{kind}: the tests of tests/{kind}")
    # Asked to end from outside (a CI's time limit), stop what was started, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if getattr(config.option, "numprocesses", None):
        config.pluginmanager.register(InterruptedWithAll())
        _require_brokers_of_their_own()


def _require_brokers_of_their_own() -> None:
    if "HKPLATES_TEST_BROKER_URL" in os.environ:
        raise pytest.UsageError(
            "HKPLATES_TEST_BROKER_URL names one database, which each test flushes: add -n 0"
        )


class InterruptedWithAll:
    """Passes an interruption on, at once, to the processes that run the tests: they clean up."""

    def pytest_keyboard_interrupt(self) -> None:
        for child in psutil.Process().children():
            child.send_signal(signal.SIGINT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder, and keep servers out of unit tests."""
    for item in items:
        kind = next((kind for kind in KINDS if kind in item.path.parts), None)
        if kind is not None:
            item.add_marker(kind)
        wanted = {"database_url", "broker_url", "s3"} & set(getattr(item, "fixturenames", ()))
        if kind == "unit" and wanted:
            raise pytest.UsageError(f"{item.nodeid}: a unit test may not use {sorted(wanted)}")


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own variables never reach a test, nor a test their servers."""
    for name in os.environ:
        ours = name.startswith(("HKPLATES_", "AWS_")) or name in URLS
        if ours and not name.startswith("HKPLATES_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def embedded_servers() -> Iterator[embedded.Servers]:
    """PostgreSQL and Valkey of this test run alone."""
    # Not pytest's own folder: root's PostgreSQL runs as a user who may not enter that one.
    folder = Path(tempfile.mkdtemp(prefix="hkplates-tests-"))
    folder.chmod(0o755)
    stop_at_exit(data=folder / "data")
    try:
        servers = embedded.start(folder / "data")
        _forget_durability(servers.database_url)
        yield servers
    finally:
        embedded.stop(folder / "data")
        # Interrupted in its first start, PostgreSQL removes its own files while we do.
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> str:
    """URL of a database from which others may be created."""
    named = os.environ.get("HKPLATES_TEST_DATABASE_URL")
    return named or request.getfixturevalue("embedded_servers").database_url


@pytest.fixture(scope="session")
def template_database(database_server: str) -> Iterator[str]:
    """Name of a migrated, empty database: cloning it is quicker than migrating each."""
    from hkplates.database.schema.migrate import (
        migrate,  # here, so that unit tests do not wait for alembic
    )

    name = f"hkplates_template_{secrets.token_hex(4)}"
    _command(database_server, "CREATE DATABASE {}", name)
    try:
        engine = open_engine(_renamed(database_server, name))
        migrate(engine)
        engine.dispose()
        yield name
    finally:
        _command(database_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def database_url(database_server: str, template_database: str) -> Iterator[str]:
    """URL of a fresh, migrated database of this test alone."""
    name = f"hkplates_test_{secrets.token_hex(4)}"
    _command(database_server, "CREATE DATABASE {} TEMPLATE {}", name, template_database)
    yield _renamed(database_server, name)
    _command(database_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def empty_database_url(database_server: str) -> Iterator[str]:
    """URL of a fresh database that no migration has touched."""
    name = f"hkplates_test_{secrets.token_hex(4)}"
    _command(database_server, "CREATE DATABASE {}", name)
    yield _renamed(database_server, name)
    _command(database_server, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def broker_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a real, empty Redis or Valkey database."""
    named = os.environ.get("HKPLATES_TEST_BROKER_URL")
    url = named or request.getfixturevalue("embedded_servers").broker_url
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def s3() -> Iterator["S3"]:
    """A real S3 API that checks signatures and rights."""
    from servers import s3_server  # here, so that unit tests do not wait for boto3
    from servers.s3 import S3

    if named := S3.named():
        yield named
        return
    with s3_server.serve() as server:
        yield server


def _command(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _renamed(url: str, database: str) -> str:
    return sa.make_url(url).set(database=database).render_as_string(hide_password=False)


def _forget_durability(url: str) -> None:
    """Nobody wants a test's rows after a power cut, and cloning is quicker."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        connection.execute("SELECT pg_reload_conf()")
