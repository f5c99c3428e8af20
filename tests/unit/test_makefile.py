"""Targets that need a folder say so before anything is installed or run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NAMES = ("LABELS", "OUT", "DATA", "MAKEFLAGS", "MAKELEVEL")  # as `make test` hands them on

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def dry_run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    command = ["make", "--dry-run", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("import-labels", "OUT=x"), "LABELS"),
        (("import-labels", "LABELS=x"), "OUT"),
        (("import-labels", "LABELS=x", "OUT= "), "OUT"),
        (("fine-tune",), "DATA"),
    ],
)
def test_a_folder_that_is_not_named_is_asked_for(arguments: tuple[str, ...], missing: str) -> None:
    ended = dry_run(*arguments)
    assert ended.returncode == 2
    assert f"{missing} is missing: name the folder" in ended.stderr.replace("a new", "the")
    assert not ended.stdout


def test_importing_labels_needs_no_tensorflow_and_takes_the_folders() -> None:
    told = dry_run("import-labels", "LABELS=x", "OUT=y").stdout
    assert 'models.labels import x --out "y"' in told
    assert "tensorflow" not in told


def test_other_targets_keep_their_data() -> None:
    assert '"../shared/data/dev"' in dry_run("accuracy").stdout
    assert 'fine_tuning "mine"' in dry_run("fine-tune", "DATA=mine").stdout
