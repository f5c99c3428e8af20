"""Tests that the demo stops what it starts, says why its worker ended, draws samples once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo import __main__ as demo
from demo.processes import interrupts_ignored, run_watched
from hkplates.errors import SetupError
from hkplates.settings import Settings
from models.synthesis import samples
from models.synthesis.fonts import FontLibrary


@pytest.fixture
def ended_worker() -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process


def test_a_worker_that_ends_first_stops_the_program_and_says_why(
    tmp_path: Path, ended_worker: "subprocess.Popen[bytes]"
) -> None:
    log = tmp_path / "worker.log"
    log.write_text("hkplates worker: the database has no tables\n")
    with pytest.raises(SetupError, match="the database has no tables"):
        run_watched(ended_worker, log, "-S", "-c", "import time; time.sleep(60)")


def test_a_program_that_ends_first_gives_its_status(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    try:
        assert run_watched(worker, tmp_path / "log", "-S", "-c", "raise SystemExit(3)") == 3
    finally:
        worker.kill()
        worker.wait()


def test_a_second_interrupt_does_not_stop_the_cleaning_up() -> None:
    with interrupts_ignored():
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_samples_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, ...]] = []

    def draw(*command: str) -> None:
        drawn.append(command)
        samples.write_samples(Path(command[2]), 0, 1, FontLibrary(system=False))

    monkeypatch.setattr(demo, "run_python", draw)
    settings = Settings(data=tmp_path)
    assert demo._draw_samples(settings, 1) == demo._draw_samples(settings, 1)
    assert len(drawn) == 1
    demo._draw_samples(settings, 2)
    assert len(drawn) == 2


def test_a_data_folder_that_cannot_be_used_is_named_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HKPLATES_DATA", str(tmp_path / "file" / "data"))
    monkeypatch.setattr("sys.argv", ["demo"])
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert demo.main() == SetupError.exit_code
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "set HKPLATES_DATA" in " ".join(capsys.readouterr().err.split())
