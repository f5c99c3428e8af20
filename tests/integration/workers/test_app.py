"""The Celery application: settings that must fit together, and starts that must be refused."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hkplates.errors import BundleInvalid
from hkplates.settings import Settings, read_settings
from workers.app import app, time_limits
from workers.services import check_machine, limits, retry_policy

CELERY = Path(sys.executable).with_name("celery")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Makes a models folder whose bundles match their hashes."""
    config = {
        "format": 1,
        "inputs": [[384, 640]],
        "threshold": 0.5,
        "colour_order": "RGB",
        "classes": ["HK", "other"],
        "files": {
            name: hashlib.sha256(b"weights").hexdigest()
            for name in ("model.tflite", "saved_model/graph")
        },
    }
    for model in ("detector", "reader"):
        bundle = tmp_path / "models" / model / "bundle"
        (bundle / "saved_model").mkdir(parents=True)
        for name in config["files"]:
            (bundle / name).write_bytes(b"weights")
        (bundle / "config.json").write_text(json.dumps(config))
    return tmp_path / "models"


def environment(database_url: str, models: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": "redis://:hunter2@127.0.0.1:9/0",
        "HKPLATES_MODELS": str(models),
        **more,
    }


def refusal(variables: dict[str, str]) -> tuple[int, str]:
    """Starts a worker that must refuse to; returns its exit status and standard error."""
    command = [str(CELERY), "-A", "workers.app", "worker", "--concurrency", "1"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=180)
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize("seconds", [2, 6, 180])
def test_no_chunk_is_worked_twice_at_once_for_being_slow(seconds: int) -> None:
    settings = Settings(chunk_seconds=seconds)
    celery = time_limits(settings)
    soft, hard = celery["task_soft_time_limit"], celery["task_time_limit"]
    visibility = celery["broker_transport_options"]["visibility_timeout"]
    assert seconds == soft < hard < visibility < settings.lease_seconds


@pytest.mark.parametrize("seconds", [2, 6, 180])
def test_waiting_for_services_ends_before_a_time_limit_blames_the_image(seconds: int) -> None:
    given = limits(Settings(chunk_seconds=seconds))
    assert given.fetch_seconds < given.chunk_seconds
    assert given.chunk_seconds + retry_policy(Settings(chunk_seconds=seconds)).max_seconds < seconds


def test_nobody_at_the_broker_may_control_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/db")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://somewhere/0")
    assert app.conf.worker_enable_remote_control is False


def test_a_message_survives_the_death_of_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/db")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://somewhere/0")
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.task_acks_on_timeout is False
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.accept_content == ["json"]
    assert app.conf.result_backend is None


@pytest.mark.parametrize("runtime", ["litert", "tensorflow"])
def test_the_parent_loads_no_runtime(database_url: str, models: Path, runtime: str) -> None:
    program = (
        "import sys; import workers.app, workers.tasks; from workers.services import check_machine;"
        "from hkplates.settings import read_settings; check_machine(read_settings());"
        "heavy = {'tensorflow', 'ai_edge_litert', 'keras'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    variables = environment(database_url, models, HKPLATES_RUNTIME=runtime)
    done = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr


def test_a_worker_refuses_a_database_that_is_not_migrated(
    empty_database_url: str, models: Path
) -> None:
    status, said = refusal(environment(empty_database_url, models))
    assert status == 5
    assert said.endswith("Run: hkplates migrate")
    assert "\n" not in said


@pytest.mark.parametrize("model", ["detector", "reader"])
def test_a_worker_refuses_a_model_that_is_not_what_its_hashes_say(
    database_url: str, models: Path, model: str
) -> None:
    (models / model / "bundle" / "model.tflite").write_bytes(b"other weights")
    status, said = refusal(environment(database_url, models))
    assert status == 5
    assert f"{model}/bundle/model.tflite" in said


def test_only_a_worker_with_tensorflow_needs_the_saved_model(
    database_url: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(models / "detector" / "bundle" / "saved_model")
    monkeypatch.setenv("HKPLATES_MODELS", str(models))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://somewhere/0")
    check_machine(read_settings())
    monkeypatch.setenv("HKPLATES_RUNTIME", "tensorflow")
    with pytest.raises(BundleInvalid, match="saved_model"):
        check_machine(read_settings())


def test_a_worker_that_is_to_read_with_tesseract_refuses_a_machine_without_it(
    database_url: str, models: Path, tmp_path: Path
) -> None:
    without = environment(database_url, models, PATH=str(tmp_path), HKPLATES_READER="tesseract")
    status, said = refusal(without)
    assert status == 5
    assert "tesseract" in said


def test_a_worker_refuses_while_postgres_is_away(models: Path) -> None:
    away = "postgresql://user:hunter2@127.0.0.1:9/hkplates"
    status, said = refusal(environment(away, models))
    assert status == 4
    assert "127.0.0.1:9" in said


def test_a_worker_without_urls_and_servers_says_what_to_do(models: Path, tmp_path: Path) -> None:
    variables = environment("", models, HKPLATES_DATA=str(tmp_path))
    del variables["DATABASE_URL"]
    status, said = refusal(variables)
    assert status == 5
    assert "hkplates up" in said
