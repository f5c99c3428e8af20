"""Pausing, resuming, cancelling and trying again, typed while real processes work."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from servers.chunks import draw
from servers.ledgers import column, state_of, states
from servers.processes import eventually, hkplates, variables, worker

from hkplates.database.engine import open_engine
from hkplates.jobs import QUEUE

SERVERS = Path(__file__).parents[1] / "servers"
IMAGES, CHUNK = 24, 4


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Returns the path of a file without which the worker processes no photograph."""
    return tmp_path / "gate"


@pytest.fixture
def environment(database_url: str, broker_url: str, gate: Path) -> dict[str, str]:
    small = {"HKPLATES_CHUNK_IMAGES": str(CHUNK), "HKPLATES_WINDOW_CHUNKS": "3"}
    paths = {"PYTHONPATH": str(SERVERS), "GATE": str(gate)}
    return variables(database_url, broker_url, **small, **paths)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    draw(tmp_path / "photos", {f"{number:02}": 30 for number in range(IMAGES)})
    return tmp_path / "photos"


def typed(environment: dict[str, str], *arguments: str, status: int = 0) -> dict[str, Any]:
    """Runs a command with --json and returns its object."""
    process = hkplates(environment, *arguments, "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    answer: dict[str, Any] = json.loads(out)
    return answer


def rests(engine: sa.Engine, broker_url: str) -> bool:
    """Returns whether no image is queued or in progress."""
    with redis.Redis.from_url(broker_url) as client:
        waiting = client.llen(QUEUE) + client.hlen("unacked")
    return not waiting and not states(engine)["queued"]


def test_a_paused_submission_rests_and_a_resumed_one_is_finished(
    environment: dict[str, str],
    engine: sa.Engine,
    broker_url: str,
    photos: Path,
    gate: Path,
    tmp_path: Path,
) -> None:
    submit = hkplates(environment, "submit", str(photos), "--json")
    with worker(environment, tmp_path / "log", app="gated", concurrency=1):
        eventually(gate.with_name("begun").exists, "a chunk is at work")
        assert typed(environment, "pause", "1")["after"] == "paused"
        gate.touch()
        out, err = submit.communicate(timeout=120)
        assert "Submission 1 was paused" in err
        assert json.loads(out)["images"]["done"] < IMAGES
        eventually(lambda: rests(engine, broker_url), "the worker takes no more")
        rested = states(engine)
        # What it had begun, it finished; nothing else was looked at.
        assert rested == {"done": CHUNK, "pending": IMAGES - CHUNK}
        assert column(engine, "SELECT sum(attempts) FROM images WHERE state = 'pending'") == [0]
        typed(environment, "dispatch", "--once")
        assert states(engine) == rested

        assert typed(environment, "resume", "1")["after"] == "running"
        service = hkplates(environment, "dispatch")
        try:
            eventually(lambda: state_of(engine, 1) == "finished", "it is finished")
        finally:
            service.terminate()
            service.communicate(timeout=60)
    assert states(engine) == {"done": IMAGES}
    assert typed(environment, "status", "1")["images"]["done"] == IMAGES


def test_a_cancelled_submission_ends_and_what_failed_is_tried_again(
    environment: dict[str, str],
    engine: sa.Engine,
    broker_url: str,
    photos: Path,
    gate: Path,
    tmp_path: Path,
) -> None:
    submit = hkplates(environment, "submit", str(photos), "--json")
    with worker(environment, tmp_path / "log", app="gated", concurrency=1):
        eventually(gate.with_name("begun").exists, "a chunk is at work")
        assert typed(environment, "cancel", "1")["cancelled"] == IMAGES
        gate.touch()
        assert "Submission 1 was cancelled" in submit.communicate(timeout=120)[1]
        eventually(lambda: rests(engine, broker_url), "the worker takes no more")
        # Also what it was at: it came too late.
        assert states(engine) == {"cancelled": IMAGES}

        lost = photos / "07.png"
        lost.write_bytes(b"")
        again = typed(environment, "submit", str(photos), status=1)
        assert (again["retried"], again["new"], again["reasons"]) == (IMAGES - 1, 1, {"empty": 1})
        empty = typed(environment, "failures", str(again["submission"]))
        assert (empty["uri"], empty["reason"]) == (f"file://{lost}", "empty")

        told = typed(environment, "retry", "--reason", "empty")
        assert (told["images"], told["reasons"]) == (1, {"empty": 1})
        # Emptied for good: it is sent by what is typed again, and ends as it did.
        again = typed(environment, "submit", str(photos), status=1)
        assert (again["resumed"], again["known"], again["images"]["failed"]) == (True, IMAGES, 1)
