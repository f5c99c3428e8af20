"""The command line itself: quick to start, worth reading, light."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from producer.cli import app

HEAVY = ("tensorflow", "ai_edge_litert", "cv2", "pytesseract")


def loaded_by(statement: str) -> set[str]:
    script = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_command_line_loads_no_runtime_and_no_decoder() -> None:
    modules = loaded_by("import producer.cli, producer.commands, producer.submit")
    assert modules.isdisjoint(HEAVY)


def test_help_waits_for_neither_database_nor_celery_nor_boto3() -> None:
    assert loaded_by("import producer.cli").isdisjoint(
        {*HEAVY, "sqlalchemy", "celery", "boto3", "numpy", "pydantic"}
    )


def test_help_tells_the_exit_statuses_and_a_first_time() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for words in ("Exit status", "130 interrupted", "hkplates up", "celery -A workers.app worker"):
        assert words in shown


@pytest.mark.parametrize("command", ["submit", "status", "read", "up", "down", "migrate"])
def test_each_command_shows_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"hkplates {command}" in shown.output
    assert "--json" in shown.output


@pytest.mark.parametrize("arguments", [["submit"], ["status", "seven"], ["unknown"], ["read"]])
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
