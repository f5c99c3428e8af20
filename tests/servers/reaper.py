"""Stops what a test process started, once that process is gone, however it went.

`stop_at_exit` is for test processes: it tells one reaper a process (by number and start) or the
data folder of embedded servers. The reaper waits for the end of its standard input, which only the
test process holds open, and then stops what still runs. A run that was interrupted, or killed,
leaves nothing behind; after a run that ended by itself there is nothing left to stop.
"""

import atexit
import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import psutil

STOP_SECONDS = 20


def stop_at_exit(pid: int | None = None, data: Path | None = None) -> None:
    """Has a process with its children, or the servers under a data folder, stopped at the end."""
    told: dict[str, Any] = {}
    if pid is not None:
        told |= {"pid": pid, "started": psutil.Process(pid).create_time()}
    if data is not None:
        told |= {"data": str(data)}
    _reaper().send(json.dumps(told))


class Reaper:
    """A reaper process, for as long as the test process lives."""

    def __init__(self) -> None:
        # A session of its own: Ctrl-C reaches all of the terminal's foreground processes.
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        atexit.register(self._end)

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _end(self) -> None:
        self._process.communicate(timeout=5 * STOP_SECONDS)


@cache
def _reaper() -> Reaper:
    return Reaper()


def main() -> None:
    """Waits for the end of the test process, then stops what it named, the latest first."""
    for line in reversed(sys.stdin.readlines()):
        told = json.loads(line)
        if "pid" in told:
            _stop_process(told["pid"], told["started"])
        if "data" in told and Path(told["data"]).exists():
            _stop_servers(Path(told["data"]))


def _stop_process(pid: int, started: float) -> None:
    try:
        process = psutil.Process(pid)
        if process.create_time() != started:
            return  # another process has its number now
        family = [process, *process.children(recursive=True)]
        process.terminate()
        for one in psutil.wait_procs(family, STOP_SECONDS)[1]:
            one.kill()
    except psutil.NoSuchProcess:
        return


def _stop_servers(data: Path) -> None:
    """Stops embedded servers, and removes the temporary folder that holds their data."""
    from hkplates.embedded import servers  # here: most reapers find nothing to do

    servers.stop(data)
    shutil.rmtree(data.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
