"""Workers that are asked to end do so in time, and leave nothing to wait for."""

import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from servers import chunks
from servers.processes import eventually, variables, worker

from hkplates.jobs import QUEUE
from workers.lifecycle.shutdown import GRACE_SECONDS

SERVERS = Path(__file__).parents[2] / "servers"
IMAGES = 60


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def begun(gate: Path) -> Callable[[], bool]:
    return gate.with_name("begun").exists


@pytest.fixture
def environment(database_url: str, broker_url: str, gate: Path) -> dict[str, str]:
    return variables(database_url, broker_url, PYTHONPATH=str(SERVERS), GATE=str(gate))


def states(database_url: str) -> dict[str, int]:
    with psycopg.connect(database_url) as connection:
        return dict(connection.execute("SELECT state::text, count(*) FROM images GROUP BY 1"))


def attempts(database_url: str, state: str) -> set[int]:
    with psycopg.connect(database_url) as connection:
        query = "SELECT DISTINCT attempts FROM images WHERE state::text = %s"
        return {number for (number,) in connection.execute(query, [state])}


def in_redis(broker_url: str) -> tuple[int, int]:
    """Returns the numbers of messages waiting and of messages unacknowledged."""
    with redis.Redis.from_url(broker_url) as client:
        return client.llen(QUEUE), client.hlen("unacked")


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM] * 3])
def test_a_worker_asked_to_end_finishes_the_image_in_hand_and_hands_back_the_rest(
    database_url: str,
    broker_url: str,
    environment: dict[str, str],
    gate: Path,
    begun: Callable[[], bool],
    tmp_path: Path,
    signals: list[signal.Signals],
) -> None:
    chunks.submit(database_url, chunks.draw(tmp_path / "p", {f"{n}": 30 for n in range(IMAGES)}))
    chunks.send(database_url, broker_url, 20)
    with worker(environment, tmp_path / "log", app="gated", concurrency=1) as first:
        eventually(begun, "a chunk is at work")
        for number in signals:
            first.process.send_signal(number)
        eventually(lambda: first.said("Warm shutdown"), "the worker has heard it")
        gate.touch()
        first.process.wait(GRACE_SECONDS)
    assert not first.said("chunk_stopped")
    assert states(database_url) == {"done": 1, "pending": 19, "queued": 40}
    assert attempts(database_url, "pending") == {0}
    assert in_redis(broker_url) == (2, 0)
    with worker(environment, tmp_path / "log2", app="gated", concurrency=1):
        chunks.send(database_url, broker_url)
        eventually(lambda: states(database_url) == {"done": IMAGES}, "another worker goes on", 30)


def test_a_worker_asked_to_end_waits_no_longer_than_its_grace_for_an_image_that_hangs(
    database_url: str,
    broker_url: str,
    environment: dict[str, str],
    gate: Path,
    begun: Callable[[], bool],
    tmp_path: Path,
) -> None:
    chunks.submit(database_url, chunks.draw(tmp_path / "p", {"a": 78, "b": 30, "c": 30}))
    chunks.send(database_url, broker_url)
    with worker(environment, tmp_path / "log", app="gated", concurrency=2) as first:
        eventually(begun, "a chunk is at work")
        first.process.terminate()
        first.process.wait(GRACE_SECONDS)
    assert first.said("chunk_stopped") == 1
    assert states(database_url) == {"queued": 3}
    assert in_redis(broker_url) == (1, 0)
    gate.touch()
    with worker(environment, tmp_path / "log2", app="gated", concurrency=1):
        eventually(lambda: states(database_url) == {"done": 3}, "another worker goes on", 30)


@pytest.mark.parametrize("signals", [[signal.SIGQUIT], [signal.SIGINT] * 2], ids=["quit", "twice"])
def test_a_worker_told_to_end_at_once_gives_its_messages_back(
    database_url: str,
    broker_url: str,
    environment: dict[str, str],
    gate: Path,
    begun: Callable[[], bool],
    tmp_path: Path,
    signals: list[signal.Signals],
) -> None:
    chunks.submit(database_url, chunks.draw(tmp_path / "p", {"a": 30, "b": 30, "c": 30}))
    chunks.send(database_url, broker_url)
    with worker(environment, tmp_path / "log", app="gated", concurrency=2) as first:
        eventually(begun, "a chunk is at work")
        for position, number in enumerate(signals):
            first.process.send_signal(number)
            if position < len(signals) - 1:
                eventually(lambda: first.said("Warm shutdown"), "the worker has heard it")
        first.process.wait(GRACE_SECONDS)
    assert states(database_url) == {"queued": 3}
    assert in_redis(broker_url) == (1, 0)
    gate.touch()
    with worker(environment, tmp_path / "log2", app="gated", concurrency=1):
        eventually(lambda: states(database_url) == {"done": 3}, "another worker goes on", 30)
