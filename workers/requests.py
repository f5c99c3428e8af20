"""Noting in the ledger, from the parent, which image a killed process was at, and what killed it.

A child that runs into the soft time limit, or out of memory, says so itself. One that is killed (by
the hard time limit, by the kernel, by a fault in a C library) cannot: its parent does, before the
message goes back to the queue, so that whoever claims the image next finds the note.
"""

from typing import Any

import structlog
from billiard.einfo import ExceptionInfo
from celery.exceptions import Reject, SoftTimeLimitExceeded, WorkerLostError
from celery.worker.request import Request

from hkplates.database.ledger import Ledger, Trouble
from hkplates.database.session import open_engine
from hkplates.embedded import resolve_urls
from hkplates.errors import HkplatesError
from hkplates.settings import read_settings
from workers import at_hand, stopping

log = structlog.get_logger()


class ChunkRequest(Request):  # type: ignore[misc]
    """One delivery of a chunk, as the parent sees it."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        if not soft:
            note(at_hand.take(self.worker_pid), "timed_out")
        super().on_timeout(soft, timeout)

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError):
            note(at_hand.take(self.worker_pid), "crashed")
        elif isinstance(error, SoftTimeLimitExceeded | MemoryError):
            # It struck where nothing catches it, say while another error was being logged. Celery
            # would answer for the message, and for a MemoryError end the whole worker.
            exc_info = _rejection(error)
        super().on_failure(exc_info, send_failed_event, return_ok)


def _rejection(error: Exception) -> Any:
    try:
        raise Reject(type(error).__name__, requeue=True)
    except Reject:
        return ExceptionInfo()


def note(image_id: int, trouble: Trouble) -> None:
    """Blame an image through a connection of this moment alone: no child may inherit one."""
    if not image_id or stopping.ending():  # what is stopped is not to blame
        return
    log.error("image_broke_us", image=image_id, trouble=trouble)
    try:
        engine = open_engine(resolve_urls(read_settings())[0])
        try:
            Ledger(engine).blame(image_id, trouble)
        finally:
            engine.dispose()
    except HkplatesError as error:
        # The attempt is counted all the same; only its reason will be "crashed".
        log.error("image_not_blamed", image=image_id, why=str(error))
