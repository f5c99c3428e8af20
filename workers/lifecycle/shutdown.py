"""Shuts a worker down within a stated time, so that no message waits for the visibility timeout.

Asked to end (SIGTERM, Ctrl-C), Celery waits for the chunks in progress, however long they take. The
parent signals its children by a byte that they share: each finishes the image in hand, saves, and
releases the rest of its chunk to the ledger. A child that has not done so in CHUNK_GRACE_SECONDS is
killed; its message goes back to Redis when the worker disconnects.
"""

import mmap
import os
import signal
import threading
import time

import structlog
from celery.worker import state

log = structlog.get_logger()

GRACE_SECONDS = 30
"""A worker that is asked to end has ended after this; give containers this and a little more."""
CHUNK_GRACE_SECONDS = 22.0
"""The part of GRACE_SECONDS in which chunks end; the rest is for disconnecting."""

# Not zero once the worker shuts down. Mapped when imported: by the parent, before it forks.
_stop_flag = mmap.mmap(-1, 1)
_watchdogs: list[threading.Thread] = []


def should_stop() -> bool:
    """Returns whether this worker was asked to end."""
    return _stop_flag[0] != 0


def sleep(seconds: float) -> None:
    """Sleeps, until the worker is asked to end at the latest."""
    deadline = time.monotonic() + seconds
    while not should_stop() and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(0.2, left))


def begin(**_: object) -> None:
    """Begins the shutdown, in the parent, on the first signal; later ones change nothing here."""
    _stop_flag[0] = 1
    if not _watchdogs:
        # A thread, since the main one waits for the children from here on.
        _watchdogs.append(threading.Thread(target=_kill_late_children, daemon=True))
        _watchdogs[0].start()


def _kill_late_children() -> None:
    """Kills, after CHUNK_GRACE_SECONDS, the children that still process a chunk."""
    time.sleep(CHUNK_GRACE_SECONDS)
    for request in list(state.active_requests):
        if request.worker_pid is not None:
            log.error("chunk_stopped", task=request.id, seconds=CHUNK_GRACE_SECONDS)
            try:
                os.kill(request.worker_pid, signal.SIGKILL)
            except ProcessLookupError:
                log.info("chunk_ended", task=request.id)
