"""Tests `hkplates health`: one line each and a status, whatever is wrong; its counts in Redis."""

import json
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from servers.ledgers import Ledger, execute, keys, submit

from cli.machine.health import QueueHealth, check_health, show_health
from cli.machine.servers import run_down, run_up
from hkplates.embedded import servers
from hkplates.jobs import QUEUE, WORKER, Chunk
from hkplates.settings import Settings
from producer.broker import RedisBroker
from producer.redis_queue import UNACKED


@pytest.fixture
def settings(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Settings:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CELERY_BROKER_URL", broker_url)
    monkeypatch.setenv("HKPLATES_DATA", str(tmp_path))
    return Settings()


def test_in_health_each_line_says_so(
    settings: Settings, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(ledger, keys(5))
    ledger.dispatch.take_pending(2, 600)
    assert show_health(settings, as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "Postgres",
        "Redis",
        "Images left",
        "Last finished",
        "Stalled",
    ]
    assert "Redis: answers, 0 messages waiting, 0 workers connected" in lines
    assert "Images left: 5, 2 of them sent; 1 submission open" in lines
    assert lines[-1] == "Stalled: no"


def test_what_is_paused_is_neither_left_nor_sent(
    settings: Settings, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    number = submit(ledger, keys(5))
    ledger.claims.claim(ledger.dispatch.take_pending(2, 600), 600)
    ledger.control.pause(number)
    assert show_health(settings, as_json=False) == 0
    assert "Images left: 0, 0 of them sent; 0 submissions open" in capsys.readouterr().out


def test_a_stall_is_unhealthy_and_says_why(
    settings: Settings,
    ledger: Ledger,
    engine: sa.Engine,
    capsys: pytest.CaptureFixture[str],
) -> None:
    submit(ledger, keys(5))
    execute(engine, "UPDATE images SET due_at = now() - interval '1 h'")
    execute(engine, "UPDATE submissions SET opened_at = now() - interval '1 h'")
    assert show_health(settings, as_json=True) == 4
    told = json.loads(capsys.readouterr().out)
    assert (told["healthy"], told["stalled"], told["images_left"]) == (False, True, 5)
    assert told["idle_seconds"] >= 3600
    assert "hkplates dispatch" in told["problems"][0]


def test_what_is_away_is_told_beside_what_answers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("CELERY_BROKER_URL", "redis://:hidden-password@127.0.0.1:1/0")
        health = check_health(Settings())
    assert health.exit_code == 4
    assert "Postgres: answers" in health.as_text()
    assert "Redis: away. Redis at 127.0.0.1:1 does not serve us" in health.as_text()
    assert "hidden-password" not in health.as_text() + json.dumps(health.as_json())
    with monkeypatch.context() as patched:
        patched.setenv("DATABASE_URL", "postgresql://user:hidden-password@127.0.0.1:1/x")
        health = check_health(Settings())
    assert health.exit_code == 4
    assert "Postgres: away. Postgres at 127.0.0.1:1/x" in health.as_text()
    assert "Redis: answers" in health.as_text()
    assert health.as_json()["stalled"] is None
    assert check_health(settings).exit_code == 0


def test_a_schema_that_is_behind_is_a_matter_of_set_up(
    settings: Settings, engine: sa.Engine
) -> None:
    execute(engine, "UPDATE alembic_version SET version_num = '0001'")
    health = check_health(settings)
    assert health.exit_code == 5
    assert "Run: hkplates migrate" in health.as_text()


def test_down_tells_of_workers_that_still_run_and_up_of_servers_that_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = servers.Servers(*servers.resolve_urls(settings))
    monkeypatch.setattr(servers, "start", lambda data: found)
    monkeypatch.setattr(servers, "running", lambda data: found)
    monkeypatch.setattr(servers, "stop", lambda data: True)
    run_up(settings, as_json=False)
    assert "DATABASE_URL and CELERY_BROKER_URL" in capsys.readouterr().out
    with redis.Redis.from_url(found.broker_url, client_name=f"{WORKER}@here:7") as worker:
        worker.ping()
        run_down(settings, as_json=False)
    assert "Workers that still run: 1." in capsys.readouterr().out
    run_down(settings, as_json=True)
    assert json.loads(capsys.readouterr().out)["stopped"]


def test_up_names_what_comes_next(
    settings: Settings,
    engine: sa.Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = servers.Servers(*servers.resolve_urls(settings))
    monkeypatch.setattr(servers, "start", lambda data: found)
    run_up(settings, as_json=False)
    assert "Next: celery -A workers.app worker" in capsys.readouterr().out
    execute(engine, "UPDATE alembic_version SET version_num = '0001'")
    run_up(settings, as_json=False)
    assert "Next: hkplates migrate" in capsys.readouterr().out


def test_the_queue_tells_which_images_its_messages_name(broker_url: str, ledger: Ledger) -> None:
    submit(ledger, keys(6))
    broker = RedisBroker(broker_url)
    chunks = ledger.dispatch.take_chunks(3, 2, 600)
    for chunk in chunks:
        broker.send(Chunk(chunk))
    with redis.Redis.from_url(broker_url) as client:
        # As kombu does when a worker takes one and has not ended it.
        taken = client.rpop(QUEUE)
        client.hset(UNACKED, "tag", json.dumps([json.loads(taken), "", QUEUE]))
        client.lpush(QUEUE, b"\xff\x00", "[", "[]", "7", '{"body": 1}', '{"body": "e30="}')
        client.hset(UNACKED, mapping={"x": "no", "y": "[]", "z": "{}"})
        assert broker.image_ids() == {image.id for chunk in chunks for image in chunk}
        client.lpush(QUEUE, *["x"] * 6000)
        assert broker.image_ids() is None
    broker.close()


def test_a_connected_worker_is_counted(settings: Settings, broker_url: str) -> None:
    name = f"{WORKER}@here:7"  # as a worker names each of its connections
    with (
        redis.Redis.from_url(broker_url, client_name=name) as first,
        redis.Redis.from_url(broker_url, client_name=name) as second,
    ):
        first.ping()
        second.ping()
        queue = check_health(settings).queue
    assert isinstance(queue, QueueHealth)
    assert queue.workers == 1
