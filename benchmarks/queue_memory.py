"""`make bench-queue`: Redis and the producer take the same memory however much is submitted.

Starts a PostgreSQL and a Valkey of its own, submits generated references with the real producer
while a consumer of another process ends some of them slowly, and prints the memory of both at some
numbers of listed images, beside what the queue holds.
"""

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import redis

from hkplates.database.engine import open_engine
from hkplates.database.ledger.claims import Claims
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.results.save import ImageDone, Results
from hkplates.database.schema.migrate import migrate
from hkplates.embedded import servers as embedded
from hkplates.jobs import QUEUE, Chunk
from hkplates.recognition.model_version import ModelVersion
from hkplates.storage.base import Entry
from producer.broker import RedisBroker
from producer.dispatcher import Dispatcher
from producer.listing import Batches
from producer.progress import ProgressSnapshot
from producer.sources import Source
from producer.stall import StallWatch
from producer.submit import Submit

LISTED = (20_000, 50_000, 100_000, 150_000, 200_000)
CHUNK_IMAGES, WINDOW_CHUNKS = 24, 32
LEASE_SECONDS, WORK_SECONDS = 900, 240
SECONDS_A_CHUNK = 0.1
MODULE = "benchmarks.queue_memory"


@dataclass(frozen=True, slots=True)
class Point:
    """Memory in bytes, and the queue's length, once a number of images is listed."""

    listed: int
    ended: int
    waiting: int
    redis_bytes: int
    producer_bytes: int


@dataclass(frozen=True, slots=True)
class Generated:
    """A store that lists a number of photographs that do not exist."""

    images: int

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        for number in range(self.images):
            key = f"{prefix}gate-{number % 40:02}/{number:09}.jpg"
            yield Entry(key, f"{number:032x}", 250_000)

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        raise NotImplementedError("nothing is read here")


@dataclass
class Gauge:
    """A progress display that measures at given counts, and ends the command when all is listed."""

    client: "redis.Redis"
    marks: list[int]
    points: list[Point] = field(default_factory=list)

    def due(self) -> bool:
        return True

    def show(self, snapshot: ProgressSnapshot) -> None:
        while self.marks and snapshot.listed >= self.marks[0]:
            self.marks.pop(0)
            self.points.append(self._point(snapshot))
        if not self.marks:
            raise KeyboardInterrupt

    def _point(self, snapshot: ProgressSnapshot) -> Point:
        used = int(self.client.info("memory")["used_memory"])
        waiting = int(self.client.llen(QUEUE))
        rss = psutil.Process().memory_info().rss
        return Point(snapshot.listed, snapshot.counts.ended, waiting, used, rss)

    def print_message(self, message: str) -> None:
        print(message, file=sys.stderr)

    def wait_at_least(self, seconds: float) -> None:
        """Does nothing: every mark must be met."""

    def close(self) -> None:
        """Does nothing."""


def measure(database_url: str, broker_url: str, marks: Sequence[int]) -> list[Point]:
    """Submits as many images as the last mark says, and measures at each."""
    engine = open_engine(database_url)
    with (
        closing(RedisBroker(broker_url)) as broker,
        redis.Redis.from_url(broker_url) as client,
        _consumer(database_url, broker_url),
    ):
        dispatcher = Dispatcher(
            Dispatch(engine), broker, CHUNK_IMAGES, WINDOW_CHUNKS, LEASE_SECONDS, WORK_SECONDS
        )
        gauge, source = Gauge(client, list(marks)), Source("s3", "bench", "2026/")
        store = Generated(marks[-1])
        run = Submit(engine, dispatcher, gauge, 60, StallWatch(10))
        with suppress(KeyboardInterrupt):  # all is listed
            run.run(source, None, lambda after: Batches(store, source, after=after))
    engine.dispose()
    return gauge.points


@contextmanager
def _consumer(database_url: str, broker_url: str) -> Iterator[None]:
    """A process that consumes messages as a worker does, and ends their images after a while."""
    environment = {**os.environ, "DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url}
    process = subprocess.Popen([sys.executable, "-m", MODULE, "--consume"], env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def consume() -> None:
    """Consumes until it is terminated."""
    engine = open_engine(os.environ["DATABASE_URL"])
    claims, results = Claims(engine), Results(engine)
    version = results.register_model(ModelVersion("bench", "bench", {}))
    with redis.Redis.from_url(os.environ["CELERY_BROKER_URL"], socket_timeout=None) as client:
        while True:
            _, message = client.brpop([QUEUE])
            time.sleep(SECONDS_A_CHUNK)
            images = claims.claim(_chunk(message).images, LEASE_SECONDS)
            results.save(version, [ImageDone(image, 1, 1, None, 1, ()) for image in images])


def _chunk(message: bytes) -> Chunk:
    arguments, *_ = json.loads(base64.b64decode(json.loads(message)["body"]))
    return Chunk.from_message(arguments[0])


@contextmanager
def _servers() -> Iterator[embedded.Servers]:
    folder = Path(tempfile.mkdtemp(prefix="hkplates-bench-"))
    folder.chmod(0o755)  # root's PostgreSQL runs as another user
    try:
        yield embedded.start(folder / "data")
    finally:
        embedded.stop(folder / "data")
        shutil.rmtree(folder, ignore_errors=True)


def _row(point: Point, first: Point) -> str:
    cells = (
        f"{point.listed:,}",
        f"{point.ended:,}",
        f"{point.waiting:,}",
        f"{point.redis_bytes / 1e6:,.2f}",
        f"{point.redis_bytes / first.redis_bytes:.2f}",
        f"{point.producer_bytes / 1e6:,.1f}",
        f"{point.producer_bytes / first.producer_bytes:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Runs the benchmark and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consume", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().consume:
        consume()
    with _servers() as servers:
        engine = open_engine(servers.database_url)
        migrate(engine)
        engine.dispose()
        points = measure(servers.database_url, servers.broker_url, LISTED)
    print(
        "| listed | ended | messages waiting | Redis MB | to the first | producer MB "
        f"| to the first |\n|{'---:|' * 7}"
    )
    for point in points:
        print(_row(point, points[0]))


if __name__ == "__main__":
    main()
