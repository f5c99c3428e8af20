"""Hostile files end with a reason, cost little, and take no worker with them."""

import json
import os
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from faults.corpus import KINDS, corpus, write_to
from faults.survival import MEMORY, SECONDS, decode_all, format_table
from servers.processes import hkplates, variables, worker

from hkplates import errors

REASONS = {
    error.reason for error in vars(errors).values() if hasattr(error, "reason")
} - {errors.ImageRejected.reason}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_to(folder)
    return folder


def test_the_same_seed_makes_the_same_files() -> None:
    kinds = ("flipped", "spliced", "magic")
    assert list(corpus(4, kinds)) == list(corpus(4, kinds))
    assert list(corpus(4, kinds)) != list(corpus(5, kinds))
    assert list(corpus(4, ["magic"])) == [one for one in corpus(4, kinds) if one.kind == "magic"]


@pytest.mark.timeout(600)
def test_every_file_is_read_or_rejected_with_a_reason_at_little_cost(folder: Path) -> None:
    found = decode_all(folder)
    print(f"\n{format_table(found)}")  # noqa: T201  (shown by -s)
    assert len(found) >= 500
    assert {outcome.name.partition("/")[0] for outcome in found} == set(KINDS)
    assert [outcome for outcome in found if outcome.fault] == []
    assert {outcome.reason for outcome in found} - {""} <= REASONS
    assert [outcome for outcome in found if outcome.mebibytes > MEMORY >> 20] == []
    assert [outcome for outcome in found if outcome.seconds > SECONDS] == []
    whole = [outcome for outcome in found if outcome.name.startswith("whole/")]
    assert [outcome for outcome in whole if outcome.reason] == []


@pytest.mark.timeout(600)
def test_a_worker_outlives_them_all(
    folder: Path, tmp_path: Path, database_url: str, broker_url: str
) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    special = _not_files(folder)
    environment = variables(database_url, broker_url, HKPLATES_READER="none")
    with worker(environment, tmp_path / "worker.log", concurrency=1) as running:
        (child,) = running.children()
        submit = hkplates(environment, "submit", "--json", str(folder))
        out, err = submit.communicate(timeout=500)
        assert "Traceback" not in err
        assert [other.pid for other in running.children()] == [child.pid]
        assert child.is_running()
        assert running.said("image_broke_us") == 0
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT key, state::text, reason FROM images").fetchall()
    states = Counter(state for _, state, _ in rows)
    print(f"\n{Counter(reason or state for _, state, reason in rows)}")  # noqa: T201
    assert set(states) == {"done", "failed"}
    assert all((reason in REASONS) == (state == "failed") for _, state, reason in rows)
    assert len(rows) == len(files) + len(special)
    report = json.loads(out)
    assert (submit.returncode, Counter(report["images"])) == (1, states)
    assert {key: reason for key, _, reason in rows if key in special} == special


def _not_files(folder: Path) -> dict[str, str]:
    """Makes what can lie in a folder beside files; returns the failure reason of each key."""
    (folder / "odd").mkdir()
    os.mkfifo(folder / "odd" / "pipe.jpg")
    (folder / "odd" / "device.jpg").symlink_to("/dev/zero")
    (folder / "odd" / "out.jpg").symlink_to("/etc/hostname")
    (folder / "odd" / "self.jpg").symlink_to("self.jpg")
    (folder / "odd" / "nowhere.jpg").symlink_to("gone.jpg")
    (folder / "odd" / "circle").symlink_to(folder)
    return {
        "odd/pipe.jpg": "forbidden",
        "odd/device.jpg": "forbidden",
        "odd/out.jpg": "forbidden",
        "odd/self.jpg": "missing",
        "odd/nowhere.jpg": "missing",
    }
