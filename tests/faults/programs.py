"""Supervises the programs of a run: each is started again when it dies."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from servers.processes import PROGRAMS

STOP_SECONDS = 60.0
MAX_UNEXPECTED_EXITS = 20
"""Unexpected exits of a program from which the run is given up."""


@dataclass
class Program:
    """A supervised program, in a process group and session of its own, so that orphans are found.

    `success_statuses` are those with which it has done its work.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    success_statuses: frozenset[int] = frozenset()
    done: bool = False
    unexpected_exits: list[int] = field(default_factory=list)
    """Exit statuses although nobody had killed it or asked it to end."""
    _process: "subprocess.Popen[bytes] | None" = None
    _sessions: set[int] = field(default_factory=set)

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(PROGRAMS / self.command[0]), *self.command[1:]],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._sessions.add(self._process.pid)

    @property
    def pid(self) -> int | None:
        """Returns its process id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process and running else None

    def children(self) -> list[psutil.Process]:
        """Returns its child processes; none where it does not run."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children() if self.pid else []
        return []

    def restart_if_dead(self) -> None:
        """Starts it again where it died.

        Raises:
            RuntimeError: It ends again and again.
        """
        if self._process is None or (status := self._process.poll()) is None:
            return
        self._process = None
        self.done = status in self.success_statuses
        if self.done:
            return
        self.unexpected_exits.append(status)
        if len(self.unexpected_exits) > MAX_UNEXPECTED_EXITS:
            raise RuntimeError(f"{self.name} ends again and again ({status}); see {self.log}")
        self.start()

    def kill(self, *, children: bool = True) -> None:
        """Kills (-9) all of it at once, or its first process alone, and starts it again."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            if children:
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait(STOP_SECONDS)
        self.start()

    def stop(self) -> bool:
        """Asks it to end; returns whether it did so by itself within STOP_SECONDS."""
        if self._process is None:
            return True
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        else:
            return True

    def orphans(self) -> list[psutil.Process]:
        """Returns processes that it or one of those before it started and that are still there."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                ours = os.getsid(process.pid) in self._sessions
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found
