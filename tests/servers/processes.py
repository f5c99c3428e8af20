"""Real `celery` and `hkplates` processes, as a person would start them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from servers.reaper import stop_at_exit

PROGRAMS = Path(sys.executable).parent
START_SECONDS = 120
STOP_SECONDS = 60


def eventually(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(0.05)


@dataclass
class Worker:
    """A `celery -A workers.app worker` and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, text: str) -> int:
        """How often the log holds a text."""
        return self.log.read_text(errors="replace").count(text)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def kill_child(self) -> None:
        """What the kernel does to a process that takes too much memory."""
        self.children()[0].send_signal(signal.SIGKILL)

    def kill(self) -> None:
        """All of it at once, as when a machine dies."""
        for process in [psutil.Process(self.process.pid), *self.children()]:
            process.kill()
        self.process.wait(STOP_SECONDS)


@contextmanager
def worker(
    environment: Mapping[str, str], log: Path, *, concurrency: int = 2, app: str = "workers.app"
) -> Iterator[Worker]:
    """A worker that has loaded its model; stopped, and none of it left, at the end."""
    command = ["-A", app, "worker", "--concurrency", str(concurrency)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(PROGRAMS / "celery"), *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    stop_at_exit(pid=process.pid)
    running = Worker(process, log)
    try:
        eventually(
            lambda: running.said("services_loaded") >= concurrency or process.poll() is not None,
            "the worker loads its model",
            START_SECONDS,
        )
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        if process.poll() is None:
            _end(running)


def _end(running: Worker) -> None:
    children = running.children()
    running.process.terminate()
    try:
        running.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        running.process.kill()
        running.process.wait()
    for child in psutil.wait_procs(children, timeout=5)[1]:
        child.kill()


def hkplates(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """The command line, started and not waited for."""
    process = subprocess.Popen(
        [str(PROGRAMS / "hkplates"), *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stop_at_exit(pid=process.pid)
    return process


def variables(database_url: str = "", broker_url: str = "", **more: str) -> dict[str, str]:
    """What a program of ours is told by its environment, and nothing else of this machine's."""
    told = {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url, **more}
    named = {name: value for name, value in told.items() if value}
    return {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", **named}
