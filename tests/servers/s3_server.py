"""Starting and stopping the S3 server of the tests."""

import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.reaper import stop_at_exit
from servers.s3 import S3

PROGRAM = Path(__file__).with_name("swift_process.py")
START_SECONDS = 60


@contextmanager
def serve() -> Iterator[S3]:
    """A server of this test run alone; nothing of it is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="hkplates-s3-"))
    users = ("hkplates:owner", secrets.token_hex(16), "hkplates:stranger", secrets.token_hex(16))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), *users],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    stop_at_exit(pid=process.pid)
    try:
        port = _port(folder, process)
        yield S3(f"http://127.0.0.1:{port}", *users)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _port(folder: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + START_SECONDS
    while not (folder / "ready").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the S3 server did not start: {(folder / 'log').read_text()}")
        time.sleep(0.05)
    return int((folder / "ready").read_text())
