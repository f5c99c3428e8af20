"""Runs `hkplates dispatch` as a process while servers come and go, and ends it."""

import json
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy as sa
from psycopg import sql
from servers.ledgers import Ledger
from servers.processes import PROGRAMS, eventually, hkplates, variables

from hkplates.database.engine import open_engine
from hkplates.embedded import valkey
from hkplates.jobs import QUEUE
from hkplates.storage.base import Entry

IMAGES = 30


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def submission(engine: sa.Engine) -> int:
    """Submits thirty images that no worker ever reads."""
    ledger = Ledger(engine)
    number = ledger.intake.open_submission("s3://nowhere/").id
    entries = [Entry(f"{image}.jpg", "e", 1) for image in range(IMAGES)]
    ledger.intake.add_images(number, "s3", "nowhere", entries)
    ledger.intake.listing_finished(number)
    return number


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[valkey.Valkey]:
    """A Valkey of this test alone, that may be stopped."""
    broker = valkey.Valkey(tmp_path / "broker", valkey.free_port(), secrets.token_hex(8))
    valkey.start(broker)
    yield broker
    valkey.stop(broker)


@contextmanager
def dispatch(environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(PROGRAMS / "hkplates"), "dispatch"], env=environment, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def events(log: Path, name: str) -> list[dict[str, object]]:
    lines = (json.loads(line) for line in log.read_text().splitlines())
    return [line for line in lines if line["event"] == name]


def small(database_url: str, broker_url: str, **more: str) -> dict[str, str]:
    """Returns an environment with a window of two messages of four images."""
    settings = {"HKPLATES_CHUNK_IMAGES": "4", "HKPLATES_WINDOW_CHUNKS": "2", **more}
    return variables(database_url, broker_url, **settings)


def test_one_round_for_cron_says_what_it_did(
    database_url: str, broker_url: str, submission: int, engine: sa.Engine
) -> None:
    environment = small(database_url, broker_url)
    out, said = hkplates(environment, "dispatch", "--once", "--json").communicate(timeout=60)
    assert said == ""
    assert json.loads(out) == {
        "images": 8,
        "messages": 2,
        "leases_expired": 0,
        "messages_lost": 0,
        "finished": [],
    }
    with redis.Redis.from_url(broker_url) as client:
        assert client.llen(QUEUE) == 2
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM images"))
    again = hkplates(environment, "dispatch", "--once")
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0
    assert f"submissions finished: {submission}" in out


def test_the_service_outlives_its_servers_tells_each_outage_once_and_ends_when_asked(
    database_url: str, broker: valkey.Valkey, submission: int, tmp_path: Path, engine: sa.Engine
) -> None:
    log = tmp_path / "dispatch.log"
    with (
        redis.Redis.from_url(broker.url) as client,
        dispatch(small(database_url, broker.url, HKPLATES_STALL_MINUTES="0.001"), log) as process,
    ):
        eventually(lambda: client.llen(QUEUE) == 2, "the window is full")
        eventually(lambda: events(log, "stalled"), "nobody works, and that is told")

        client.delete(QUEUE)  # Redis forgets: later work goes on at once, and what was lost as well
        eventually(lambda: client.llen(QUEUE) == 2, "the window is full again")
        eventually(lambda: events(log, "messages_lost"), "what Redis forgot is found")

        valkey.stop(broker)
        eventually(lambda: len(events(log, "service_away")) == 1, "Redis is away")
        valkey.start(broker)
        eventually(lambda: len(events(log, "service_back")) == 1, "Redis is back")

        with no_connections(database_url):
            eventually(lambda: len(events(log, "service_away")) == 2, "Postgres is away")
        eventually(lambda: len(events(log, "service_back")) == 2, "Postgres is back")
        assert len(events(log, "stalled")) == 1

        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert len(events(log, "dispatch_ends")) == 1
    said = log.read_text()
    assert broker.password not in said
    assert "Traceback" not in said


@contextmanager
def no_connections(database_url: str) -> Iterator[None]:
    """Refuses connections to this database, as Postgres does while it restarts."""
    name = str(sa.make_url(database_url).database)
    postgres = sa.make_url(database_url).set(database="postgres")
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    url = postgres.render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        try:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(ended, [name])
            yield
        finally:
            connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def test_it_waits_for_servers_that_are_away_when_it_begins_and_ends_while_it_waits(
    tmp_path: Path,
) -> None:
    log = tmp_path / "dispatch.log"
    away = variables("postgresql://user@127.0.0.1:1/plates", "redis://127.0.0.1:1/0")
    with dispatch(away, log) as process:
        eventually(lambda: events(log, "service_away"), "Postgres is away")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_two_at_once_and_a_submit_beside_them_send_each_image_once(
    database_url: str, broker_url: str, submission: int, tmp_path: Path, engine: sa.Engine
) -> None:
    environment = small(database_url, broker_url, HKPLATES_WINDOW_CHUNKS="20")
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(IMAGES):
        (folder / f"{number}.jpg").write_bytes(b"x")
    with dispatch(environment, first), dispatch(environment, second):
        submit = hkplates(environment, "submit", str(folder))
        states = sa.text("SELECT count(*) FROM images WHERE state = 'queued'")
        with engine.connect() as connection, redis.Redis.from_url(broker_url) as client:
            eventually(
                lambda: (
                    connection.execute(states).scalar_one() == 2 * IMAGES
                    and client.llen(QUEUE) >= 2 * -(-IMAGES // 4)
                ),
                "all are sent",
            )
            assert client.llen(QUEUE) <= 20
        submit.terminate()
        assert "the same command goes on" in submit.communicate(timeout=30)[1]
        assert submit.returncode == 130
