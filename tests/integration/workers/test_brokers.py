"""Workers whose broker goes away and comes back, with nothing in it."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from celery import Celery
from servers import chunks
from servers.processes import Worker, eventually, variables, worker

from hkplates.embedded import valkey
from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK
from producer.redis_queue import RedisQueue

SERVERS = Path(__file__).parents[2] / "servers"
SOON = 60  # seconds; Celery waits up to half a minute between two tries to connect


class Broker:
    """A Valkey of this test alone."""

    def __init__(self, folder: Path) -> None:
        self.server = valkey.Valkey(folder, valkey.free_port(), secrets.token_hex(8))

    def start(self) -> None:
        valkey.start(self.server)

    def forget(self) -> None:
        """Stops it, and removes all that it held."""
        valkey.stop(self.server)
        shutil.rmtree(self.server.folder)

    def kill(self) -> None:
        """Kills it and loses its data, as a machine without power or disks."""
        psutil.Process(int((self.server.folder / "server.pid").read_text())).kill()
        eventually(lambda: valkey.port_is_free(self.server.port), "it is gone")
        shutil.rmtree(self.server.folder)

    def send(self) -> None:
        """Sends a chunk whose images are not queued: it is received, and there is nothing to do."""
        with Celery(broker=self.server.url, set_as_current=False) as sender:
            image = {"id": 10**9, "store": "folder", "bucket": "/none", "key": "a", "etag": "b"}
            message = {"version": 1, "images": [image]}
            sender.send_task(TASK_RECOGNISE_CHUNK, args=[message], queue=QUEUE)

    def waiting(self) -> int:
        with redis.Redis.from_url(self.server.url) as client:
            return int(client.llen(QUEUE)) + int(client.hlen("unacked"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    try:
        yield broker
    finally:
        valkey.stop(broker.server)


def consume(running: Worker, broker: Broker) -> None:
    """Sends a message and waits until it is processed."""
    worked = running.said("chunk_done")
    broker.send()
    eventually(lambda: running.said("chunk_done") > worked, "a new message is worked", SOON)
    eventually(lambda: broker.waiting() == 0, "it is answered for", SOON)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_workers_consume_again_each_time_their_broker_comes_back_empty(
    database_url: str, broker: Broker, tmp_path: Path, concurrency: int
) -> None:
    (tmp_path / "gate").touch()
    environment = variables(
        database_url, broker.server.url, PYTHONPATH=str(SERVERS), GATE=str(tmp_path / "gate")
    )
    with worker(environment, tmp_path / "log", app="gated", concurrency=concurrency) as running:
        consume(running, broker)
        for number in range(6):
            lost = running.said("Connection to broker lost")
            if number % 2:
                broker.kill()
            else:
                broker.forget()
            if number > 2:  # else it is back before the worker has noticed
                eventually(lambda n=lost: running.said("broker lost") > n, "the loss is noticed")
            broker.start()
            consume(running, broker)
        queue = RedisQueue(broker.server.url)
        assert queue.count_workers() == 1
        queue.close()


def test_a_worker_s_heartbeat_stops_while_its_broker_is_away(
    database_url: str, broker: Broker, tmp_path: Path
) -> None:
    (tmp_path / "gate").touch()
    beat = tmp_path / "alive"
    environment = variables(
        database_url,
        broker.server.url,
        PYTHONPATH=str(SERVERS),
        GATE=str(tmp_path / "gate"),
        HKPLATES_HEARTBEAT=str(beat),
    )
    with worker(environment, tmp_path / "log", app="gated", concurrency=1) as running:
        eventually(beat.exists, "the heart beats")
        broker.kill()
        eventually(lambda: running.said("Connection to broker lost"), "the loss is noticed")
        beat.unlink()
        eventually(lambda: running.said("Trying again in"), "it tries to connect")
        assert not beat.exists()
        broker.start()
        eventually(beat.exists, "the heart beats again")


def test_a_chunk_at_work_while_its_broker_forgets_it_is_saved_and_the_worker_goes_on(
    database_url: str, broker: Broker, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    environment = variables(
        database_url, broker.server.url, PYTHONPATH=str(SERVERS), GATE=str(gate)
    )
    chunks.submit(database_url, chunks.draw(tmp_path / "p", {"a": 30, "b": 30}))
    with worker(environment, tmp_path / "log", app="gated", concurrency=1) as running:
        chunks.send(database_url, broker.server.url)
        eventually(gate.with_name("begun").exists, "the chunk is at work")
        broker.kill()
        broker.start()
        gate.touch()
        eventually(lambda: running.said("image_done") == 2, "the chunk is saved")
        consume(running, broker)


@pytest.mark.parametrize("forgets", [True, False], ids=["empty", "with its data"])
def test_a_chunk_that_ends_while_its_broker_is_away_is_saved_and_the_worker_goes_on(
    database_url: str, broker: Broker, tmp_path: Path, forgets: bool
) -> None:
    gate = tmp_path / "gate"
    environment = variables(
        database_url, broker.server.url, PYTHONPATH=str(SERVERS), GATE=str(gate)
    )
    chunks.submit(database_url, chunks.draw(tmp_path / "p", {"a": 30}))
    with worker(environment, tmp_path / "log", app="gated", concurrency=1) as running:
        chunks.send(database_url, broker.server.url)
        eventually(gate.with_name("begun").exists, "the chunk is at work")
        if forgets:
            broker.kill()
        else:
            valkey.stop(broker.server)
        gate.touch()
        eventually(lambda: running.said("Couldn't ack"), "its end cannot be told")
        broker.start()
        worked = running.said("chunk_done")
        broker.send()
        eventually(lambda: running.said("chunk_done") > worked, "a new message is worked", SOON)
        assert running.said("image_done") == 1
