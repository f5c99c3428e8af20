"""Ending a worker within a stated time, so that nothing waits for the visibility timeout.

Asked to end (SIGTERM, Ctrl-C), Celery waits for the chunks at work, however long they take. The
parent tells its children by a byte that they share: each finishes the image in hand, saves, and
hands the rest of its chunk back to the ledger. Who has not done so in LONGEST_CHUNK_END is killed;
its message goes back to Redis when the worker disconnects.
"""

import mmap
import os
import signal
import threading
import time

import structlog
from celery.worker import state

log = structlog.get_logger()

GRACE_SECONDS = 30  # seconds
"""A worker that is asked to end has ended after this; give containers this and a little more."""
CHUNK_GRACE_SECONDS = 22.0  # seconds; the rest of GRACE is for going

_stop_flag = mmap.mmap(-1, 1)  # not zero when the worker ends; children share it with the parent
_watchdogs: list[threading.Thread] = []


def should_stop() -> bool:
    """Whether this worker was asked to end."""
    return _stop_flag[0] != 0


def sleep(seconds: float) -> None:
    """Pause, but no longer than the worker has."""
    until = time.monotonic() + seconds
    while not should_stop() and (left := until - time.monotonic()) > 0:
        time.sleep(min(0.2, left))


def begin(**_: object) -> None:
    """In the parent, on the first signal to end; later ones change nothing here."""
    _stop_flag[0] = 1
    if not _watchdogs:
        # A thread, since the main one waits for the children from here on.
        _watchdogs.append(threading.Thread(target=_kill_late_children, daemon=True))
        _watchdogs[0].start()


def _kill_late_children() -> None:
    time.sleep(CHUNK_GRACE_SECONDS)
    for request in list(state.active_requests):
        if request.worker_pid is not None:
            log.error("chunk_stopped", task=request.id, seconds=CHUNK_GRACE_SECONDS)
            try:
                os.kill(request.worker_pid, signal.SIGKILL)
            except ProcessLookupError:
                log.info("chunk_ended", task=request.id)
