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

GRACE = 30  # seconds
"""A worker that is asked to end has ended after this; give containers this and a little more."""
LONGEST_CHUNK_END = 22.0  # seconds; the rest of GRACE is for going

_ending = mmap.mmap(-1, 1)  # not zero when the worker ends; children share it with the parent
_begun: list[threading.Thread] = []


def ending() -> bool:
    """Whether this worker was asked to end."""
    return _ending[0] != 0


def sleep(seconds: float) -> None:
    """Pause, but no longer than the worker has."""
    until = time.monotonic() + seconds
    while not ending() and (left := until - time.monotonic()) > 0:
        time.sleep(min(0.2, left))


def begin(**_: object) -> None:
    """In the parent, on the first signal to end; later ones change nothing here."""
    _ending[0] = 1
    if not _begun:
        # A thread, since the main one waits for the children from here on.
        _begun.append(threading.Thread(target=_end_in_time, daemon=True))
        _begun[0].start()


def _end_in_time() -> None:
    time.sleep(LONGEST_CHUNK_END)
    for request in list(state.active_requests):
        if request.worker_pid is not None:
            log.error("chunk_stopped", task=request.id, seconds=LONGEST_CHUNK_END)
            try:
                os.kill(request.worker_pid, signal.SIGKILL)
            except ProcessLookupError:
                log.info("chunk_ended", task=request.id)
