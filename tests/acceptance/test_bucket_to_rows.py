"""From a bucket to SQL rows, with the real command, real workers and real servers."""

import json
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psycopg
import pytest
import redis
from celery import Celery
from servers.processes import eventually, hkplates, variables, worker
from servers.s3 import S3

from hkplates.embedded import valkey
from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK

SCENES = 6
COPIES = 6
TOTAL = SCENES * COPIES
Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Draws street scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    command = ["-m", "models.synthesis.samples", str(folder), "--count", str(SCENES), "--seed", "5"]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=120)
    return sorted(folder.glob("*.jpg"))


@pytest.fixture(scope="session")
def expected(scenes: list[Path]) -> dict[str, Counter[str]]:
    """Returns the marks that `hkplates read` finds in each scene."""
    out, _ = hkplates(variables(), "read", "--json", *map(str, scenes)).communicate(timeout=90)
    lines = [json.loads(line) for line in out.splitlines()]
    marks = {
        Path(line["image"]).name: Counter(plate["mark"] for plate in line["plates"])
        for line in lines
    }
    assert sum(map(len, marks.values())) > 0
    return marks


@pytest.fixture(scope="session")
def bucket(s3: S3, scenes: list[Path]) -> str:
    """Uploads every scene under several keys, some of them odd."""
    name, client = f"car-park-{secrets.token_hex(3)}", s3.client()
    client.create_bucket(Bucket=name)
    for copy in range(COPIES):
        for scene in scenes:
            client.upload_file(str(scene), name, f"2026/gate {copy}+é/{scene.name}")
    return name


@pytest.fixture
def environment(database_url: str, broker_url: str, s3: S3) -> dict[str, str]:
    """Returns an environment with chunks so small that there are several."""
    return variables(database_url, broker_url, HKPLATES_CHUNK_IMAGES="6", **s3.environment())


@pytest.fixture
def query(database_url: str) -> Query:
    """Runs SQL as a person would."""

    def run(text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(database_url) as connection:
            return connection.execute(text.encode()).fetchall()

    return run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


def beside_servers(environment: dict[str, str]) -> dict[str, str]:
    """Returns an environment in which a worker finds the applications in tests/servers."""
    return {**environment, "PYTHONPATH": str(Path(__file__).parents[1] / "servers")}


def finish(submit: "subprocess.Popen[str]", seconds: float = 240) -> tuple[int, dict[str, Any]]:
    """Waits for `hkplates submit --json`; returns its exit status and report."""
    out, err = submit.communicate(timeout=seconds)
    assert "Traceback" not in err
    return submit.returncode, json.loads(out)


def states(query: Query) -> dict[str, int]:
    rows = query("SELECT state::text, count(*) FROM images GROUP BY 1")
    return {row[0]: row[1] for row in rows}


def done(query: Query) -> int:
    return states(query).get("done", 0)


def marks_in_rows(query: Query) -> dict[str, Counter[str]]:
    """Returns the marks found in each photograph."""
    found: dict[str, Counter[str]] = {}
    rows = query("SELECT key, mark FROM images LEFT JOIN plates ON image_id = images.id")
    for key, mark in rows:
        found.setdefault(key, Counter()).update([mark] if mark is not None else [])
    return found


def assert_rows_are_what_read_finds(query: Query, expected: dict[str, Counter[str]]) -> None:
    """Checks that every photograph has the plates of its scene, each once."""
    found = {key: marks for key, marks in marks_in_rows(query).items() if "/gate" in key}
    assert len(found) == TOTAL
    assert all(marks == expected[Path(key).name] for key, marks in found.items())


def test_a_bucket_becomes_rows_and_submitting_again_sends_nothing(
    environment: dict[str, str],
    bucket: str,
    s3: S3,
    scenes: list[Path],
    expected: dict[str, Counter[str]],
    query: Query,
    log: Path,
) -> None:
    client = s3.client()
    client.put_object(Bucket=bucket, Key="2026/cut.jpg", Body=scenes[0].read_bytes()[:5000])
    client.put_object(Bucket=bucket, Key="2026/gone.jpg", Body=b"gone before it is read")
    first = hkplates(environment, "submit", f"s3://{bucket}/2026", "--json")
    eventually(lambda: query("SELECT FROM submissions WHERE listed_at IS NOT NULL"), "listing ends")
    client.delete_object(Bucket=bucket, Key="2026/gone.jpg")
    with worker(environment, log) as running:
        status, report = finish(first)
        assert status == 1
        assert report["reasons"] == {"truncated": 1, "missing": 1}
        assert states(query) == {"done": TOTAL, "failed": 2}

        client.delete_object(Bucket=bucket, Key="2026/cut.jpg")
        chunks = running.said("chunk_done")
        status, report = finish(hkplates(environment, "submit", f"s3://{bucket}/2026", "--json"))
        assert (status, report["new"], report["retried"]) == (0, 0, 0)
        assert report["skipped"] == TOTAL
        assert running.said("chunk_done") == chunks

    assert_rows_are_what_read_finds(query, expected)
    uris = query("SELECT DISTINCT uri FROM sightings ORDER BY 1")
    assert uris[0][0].startswith(f"s3://{bucket}/2026/gate 0+é/")
    assert s3.secret_key not in log.read_text()


def test_children_killed_in_the_middle_lose_nothing_and_repeat_nothing(
    environment: dict[str, str],
    bucket: str,
    expected: dict[str, Counter[str]],
    query: Query,
    log: Path,
) -> None:
    with worker(environment, log) as running:
        submit = hkplates(environment, "submit", f"s3://{bucket}/2026/gate", "--json")
        for at_least in (1, TOTAL // 2):
            eventually(lambda least=at_least: done(query) >= least, "some images are done")
            running.kill_child()
        status, report = finish(submit)
    assert (status, report["images"]["done"]) == (0, TOTAL)
    assert_rows_are_what_read_finds(query, expected)


def test_an_image_that_kills_its_process_is_set_aside_and_its_mates_are_done(
    environment: dict[str, str], scenes: list[Path], query: Query, log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        shutil.copy(scenes[number], folder / f"{number}.jpg")
    cv2.imwrite(str(folder / "2-deadly.png"), np.zeros((50, 77, 3), np.uint8))
    with worker(beside_servers(environment), log, app="fragile", concurrency=1):
        status, report = finish(hkplates(environment, "submit", str(folder), "--json"))
    assert (status, report["reasons"]) == (1, {"crashed": 1})
    assert query("SELECT key, attempts FROM images WHERE state = 'quarantined'") == [
        ("2-deadly.png", 3)
    ]
    assert done(query) == 4


def test_a_worker_killed_whole_is_followed_by_another_after_the_visibility_timeout(
    environment: dict[str, str],
    bucket: str,
    expected: dict[str, Counter[str]],
    query: Query,
    log: Path,
) -> None:
    impatient = {**environment, "HKPLATES_CHUNK_SECONDS": "6"}  # and 18 until it comes back
    submit = hkplates(environment, "submit", f"s3://{bucket}/2026/gate", "--json")
    with worker(impatient, log) as running:
        eventually(lambda: done(query) > 0, "some images are done")
        running.kill()
    with worker(impatient, log.with_name("second.log")):
        status, report = finish(submit)
    assert (status, report["images"]["done"]) == (0, TOTAL)
    assert_rows_are_what_read_finds(query, expected)


def test_a_worker_outlives_messages_that_are_not_ours(
    environment: dict[str, str],
    broker_url: str,
    bucket: str,
    query: Query,
    log: Path,
) -> None:
    sender = Celery(broker=broker_url, set_as_current=False)
    forged = {"id": 1, "store": "folder", "bucket": "/etc", "key": "passwd", "etag": "1"}
    for arguments in (
        [],
        [None],
        ["rubbish"],
        [{"version": 2}],
        [{"version": 1, "images": [forged]}],
        [{"version": 1, "images": [{**forged, "id": 10**30}]}],
        [{}, {}, {}],
    ):
        sender.send_task(TASK_RECOGNISE_CHUNK, args=arguments, queue=QUEUE)
    sender.send_task("os.system", args=["true"], queue=QUEUE)
    sender.close()
    with redis.Redis.from_url(broker_url) as client:
        client.lpush(QUEUE, b"\xff\x00", "not JSON", "[]", "{}", '{"properties": {"body": 1}}')
        client.lpush(QUEUE, "[" * 100_000)
    with worker(environment, log, concurrency=1) as running:
        status, report = finish(
            hkplates(environment, "submit", f"s3://{bucket}/2026/gate 0", "--json")
        )
        assert (status, report["images"]["done"]) == (0, SCENES)
        assert running.said("message_dropped") == 13


def test_workers_go_on_after_the_broker_was_restarted(
    environment: dict[str, str],
    bucket: str,
    tmp_path: Path,
    query: Query,
    log: Path,
) -> None:
    broker = valkey.Valkey(tmp_path / "broker", valkey.free_port(), secrets.token_hex(8))
    valkey.start(broker)
    try:
        ours = {**environment, "CELERY_BROKER_URL": broker.url}
        with worker(ours, log) as running:
            submit = hkplates(ours, "submit", f"s3://{bucket}/2026/gate", "--json")
            eventually(lambda: done(query) > 0, "some images are done")
            valkey.stop(broker)
            eventually(lambda: running.said("Connection to broker lost"), "the loss is noticed")
            valkey.start(broker)
            assert finish(submit)[0] == 0
        assert done(query) == TOTAL
        assert broker.password not in log.read_text()
    finally:
        valkey.stop(broker)
