"""Worker processes that hang, or cannot load what they need."""

import hashlib
import json
import subprocess
from pathlib import Path

import psycopg
import pytest
import redis
from celery import Celery
from servers import chunks
from servers.processes import PROGRAMS, eventually, variables, worker

from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK, Chunk, ImageRef

SERVERS = Path(__file__).parents[2] / "servers"


@pytest.mark.parametrize(
    ("width", "reason", "sign"),
    [
        pytest.param(77, "timed_out", "Soft time limit", id="hangs"),
        pytest.param(78, "timed_out", "Hard time limit", id="hangs, deaf"),
        pytest.param(79, "out_of_memory", "MemoryError", id="takes memory without end"),
        pytest.param(80, "crashed", "SIGSEGV", id="segmentation fault"),
    ],
)
def test_an_image_that_breaks_its_process_is_set_aside_and_its_mates_are_done(
    database_url: str, broker_url: str, tmp_path: Path, width: int, reason: str, sign: str
) -> None:
    """See servers/slow.py for what each width does."""
    pictures = {"a": 30, "b": width, "c": 30}
    chunks.submit(database_url, chunks.draw(tmp_path / "photos", pictures))
    chunks.send(database_url, broker_url)
    environment = variables(
        database_url,
        broker_url,
        PYTHONPATH=str(SERVERS),
        # Memory takes its time on a busy machine.
        HKPLATES_CHUNK_SECONDS="30" if reason == "out_of_memory" else "2",
        HKPLATES_MAX_PROCESS_MEMORY=str(768 * 1024**2),
    )
    with worker(environment, tmp_path / "log", app="slow", concurrency=1) as running:
        with psycopg.connect(database_url, autocommit=True) as connection:
            query = "SELECT key, state::text, reason FROM images ORDER BY key"
            eventually(
                lambda: (
                    connection.execute(query).fetchall()
                    == [
                        ("a.png", "done", None),
                        ("b.png", "quarantined", reason),
                        ("c.png", "done", None),
                    ]
                ),
                "each has its end",
            )
        assert running.said(sign)
        eventually(lambda: in_redis(broker_url) == (0, 0), "the message is answered for")


def in_redis(broker_url: str) -> tuple[int, int]:
    """Returns the numbers of messages waiting and of messages unacknowledged."""
    with redis.Redis.from_url(broker_url) as client:
        return client.llen(QUEUE), client.hlen("unacked")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Makes models that match their hashes and are invalid: only loading them shows it."""
    config = {
        "format": 1,
        "inputs": [[384, 640]],
        "threshold": 0.5,
        "colour_order": "RGB",
        "classes": ["HK", "other"],
        "files": {"model.tflite": hashlib.sha256(b"weights").hexdigest()},
    }
    for model in ("detector", "reader"):
        bundle = tmp_path / "models" / model / "bundle"
        bundle.mkdir(parents=True)
        (bundle / "model.tflite").write_bytes(b"weights")
        (bundle / "config.json").write_text(json.dumps(config))
    return tmp_path / "models"


def test_a_worker_that_cannot_load_its_model_ends_and_leaves_the_messages_to_others(
    database_url: str, broker_url: str, models: Path, tmp_path: Path
) -> None:
    with Celery(broker=broker_url, set_as_current=False) as sender:
        chunk = Chunk((ImageRef(1, "folder", str(tmp_path), "a.jpg", "1"),))
        sender.send_task(TASK_RECOGNISE_CHUNK, args=[chunk.to_message()], queue=QUEUE)
    done = subprocess.run(
        [str(PROGRAMS / "celery"), "-A", "workers.app", "worker", "--concurrency", "1"],
        env=variables(database_url, broker_url, HKPLATES_MODELS=str(models)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 5
    assert said.count("services_not_loaded") == 3
    assert "worker_ends" in said
    assert in_redis(broker_url) == (1, 0)
