"""Tests the command line itself: its help, its usage errors and its documentation."""

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.main import app
from hkplates.exit_status import ExitStatus


def test_help_tells_the_exit_statuses_and_a_first_time() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for words in ("Exit status", "130 interrupted", "hkplates up", "celery -A workers.app worker"):
        assert words in shown


@pytest.mark.parametrize(
    "command",
    [
        "submit",
        "dispatch",
        "health",
        "status",
        "read",
        "up",
        "down",
        "migrate",
        "sql",
        "export",
        "corrections",
    ],
)
def test_each_command_shows_an_example(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert f"hkplates {command}" in shown.output
    assert "--json" in shown.output


@pytest.mark.parametrize("arguments", [["submit"], ["status", "seven"], ["unknown"], ["read"]])
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_operations_names_every_command() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) > 10
    assert [name for name in commands if f"`hkplates {name}`" not in text] == []


def test_operations_explains_every_exit_status() -> None:
    text = OPERATIONS.read_text(encoding="utf-8")
    _, _, section = text.partition("## Exit statuses of `hkplates`")
    explained = re.findall(r"^\| (\d+) \|", section.partition("\n## ")[0], flags=re.MULTILINE)
    assert [int(status) for status in explained] == list(ExitStatus)
