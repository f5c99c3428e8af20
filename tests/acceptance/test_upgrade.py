"""Upgrades the models as a person would: a sample, a comparison, then everything."""

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from servers.processes import hkplates, variables, worker

SCENES = 8
SAMPLE = 3


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draws street scenes."""
    folder = tmp_path_factory.mktemp("photos")
    command = ["-m", "models.synthesis.samples", str(folder), "--count", str(SCENES), "--seed", "7"]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=120)
    return folder


def told(environment: dict[str, str], *arguments: str) -> Any:
    """Runs a command that must succeed with --json; returns its object."""
    out, err = hkplates(environment, *arguments, "--json").communicate(timeout=180)
    assert "Traceback" not in err
    return json.loads(out)


def marks(environment: dict[str, str], photos: Path) -> dict[str, Counter[str]]:
    """Returns the marks that `hkplates read` finds on each photograph."""
    out, _ = hkplates(environment, "read", "--json", str(photos)).communicate(timeout=180)
    lines = [json.loads(line) for line in out.splitlines()]
    found = {Path(one["image"]).name: Counter(p["mark"] for p in one["plates"]) for one in lines}
    return {name: of_photo for name, of_photo in found.items() if of_photo}


def seen(database_url: str) -> tuple[dict[str, Counter[str]], dict[str, set[int]]]:
    """Returns the marks and model versions of each photograph in sightings."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT key, mark, model_version_id FROM sightings").fetchall()
    found: dict[str, Counter[str]] = {}
    versions: dict[str, set[int]] = {}
    for key, mark, version in rows:
        found.setdefault(key, Counter()).update([mark])
        versions.setdefault(key, set()).add(version)
    return found, versions


def watch(
    running: "subprocess.Popen[str]", database_url: str, before: dict[str, Counter[str]]
) -> None:
    """Checks that each photograph shows the reading of one version at every moment."""
    while running.poll() is None:
        found, versions = seen(database_url)
        assert found.keys() == before.keys()
        assert all(len(of_photo) == 1 for of_photo in versions.values())
        time.sleep(0.1)


def test_a_sample_then_a_comparison_then_everything_is_read_by_the_new_version(
    database_url: str, broker_url: str, photos: Path, tmp_path: Path
) -> None:
    reader = "tesseract" if shutil.which("tesseract") else "none"
    new = variables(database_url, broker_url, HKPLATES_CHUNK_IMAGES="2")
    old = {**new, "HKPLATES_READER": reader}
    with worker(old, tmp_path / "old.log", concurrency=1):
        assert told(old, "submit", str(photos))["images"]["done"] == SCENES
        assert told(old, "reprocess", "--all")["submission"] is None
    before, versions = seen(database_url)
    assert before == marks(old, photos)
    [first] = set.union(*versions.values())

    with worker(new, tmp_path / "new.log", concurrency=1):
        sample = told(new, "reprocess", "--limit", str(SAMPLE))
        second = sample["target"]
        assert (sample["before"], sample["versions"]) == (first, {str(second): SAMPLE})
        number = str(sample["submission"])
        compared = told(new, "compare", str(first), str(second), "--submission", number)
        assert compared["images"] == SAMPLE
        everything = hkplates(new, "reprocess", "--all", "--json")
        watch(everything, database_url, before)
        report = json.loads(everything.communicate(timeout=60)[0])
    assert report["versions"] == {str(second): SCENES - SAMPLE}

    found, versions = seen(database_url)
    assert found == marks(new, photos)
    assert set.union(*versions.values()) == {second}
    compared = told(new, "compare", str(first), str(second))
    assert compared["images"] == SCENES
    assert compared["same"] + compared["read_differently"] == sum(
        sum(of_photo.values()) for of_photo in found.values()
    )
    assert [version["images"] for version in told(new, "compare")["versions"]] == [SCENES, SCENES]
