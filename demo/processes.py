"""Runs the demo's processes: watches each, and lets none outlive it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hkplates.errors import HkplatesError, SetupError
from hkplates.exit_status import ExitStatus

GRACE_SECONDS = 60.0  # for a worker to finish its chunk
INTERRUPT_SECONDS = 10.0  # for a program to end when it is interrupted
POLL_SECONDS = 0.2
LOG_TAIL_LINES = 5


def run_python(*arguments: str) -> None:
    """Runs a Python program to its end; exits with its status where it fails: it has said why."""
    status = subprocess.run((sys.executable, *arguments), check=False).returncode
    if status == ExitStatus.INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise SystemExit(status)


@contextmanager
def running_worker(log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs a Celery worker with a process for each core, its log in a file; stops it at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    processes = str(os.cpu_count() or 1)
    command = (sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-c", processes)
    with log.open("w") as output:
        # A session of its own: Ctrl-C reaches us alone, and we stop the worker in order.
        running = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield running
    finally:
        with interrupts_ignored():
            _stop(running)


def run_watched(running: "subprocess.Popen[bytes]", log: Path, *arguments: str) -> int:
    """Runs a Python program that needs the worker; returns its exit status.

    Raises:
        SetupError: the worker ended first, with the last lines of its log.
        KeyboardInterrupt: the program was interrupted.
    """
    program = subprocess.Popen((sys.executable, *arguments))
    try:
        while (status := program.poll()) is None and running.poll() is None:
            time.sleep(POLL_SECONDS)
    finally:
        _interrupt(program)
    if status is None:
        raise SetupError(f"The worker ended by itself. The end of {log}:\n{_last_lines(log)}")
    if status == ExitStatus.INTERRUPTED:
        raise KeyboardInterrupt
    return status


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignores SIGINT and SIGTERM: a second Ctrl-C must not leave behind what is being stopped."""
    before = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _interrupt(program: "subprocess.Popen[bytes]") -> None:
    """Interrupts a program as Ctrl-C does; harder where SIGINT is ignored, as under nohup."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if program.poll() is None:
            program.send_signal(one)
            with suppress(subprocess.TimeoutExpired):
                program.wait(INTERRUPT_SECONDS)


def _stop(running: "subprocess.Popen[bytes]") -> None:
    if running.poll() is not None:
        return
    running.terminate()
    try:
        running.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        raise HkplatesError("The worker did not stop when asked, and was killed") from None


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
