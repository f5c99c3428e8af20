"""Records in the ledger, from the parent, the image at which a child was killed, and the cause.

A child that runs into the soft time limit, or out of memory, records that itself. One that is
killed (by the hard time limit, by the kernel, by a fault in a C library) cannot: its parent does,
before the message goes back to the queue, so that the next claim of the image finds the cause.
"""

import threading
from typing import Any

import structlog
from billiard.einfo import ExceptionInfo
from celery.exceptions import Reject, SoftTimeLimitExceeded, WorkerLostError
from celery.worker.request import Request

from hkplates.database.engine import open_engine
from hkplates.database.ledger.claims import Claims
from hkplates.database.schema.failure_reasons import FailureCause
from hkplates.embedded.servers import resolve_urls
from hkplates.errors import HkplatesError
from hkplates.settings import read_settings
from workers.lifecycle import current_image, shutdown

log = structlog.get_logger()

RECORD_SECONDS = 5.0
"""Bound of the wait for the database, during which the parent neither takes nor acknowledges."""


class ChunkRequest(Request):  # type: ignore[misc]
    """One delivery of a chunk, as the parent sees it."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        if not soft:
            record_failure_cause(current_image.pop_current(self.worker_pid), "timed_out")
        super().on_timeout(soft, timeout)

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError):
            record_failure_cause(current_image.pop_current(self.worker_pid), "crashed")
        elif isinstance(error, SoftTimeLimitExceeded | MemoryError):
            # It struck where nothing catches it, say while another error was being logged. Celery
            # would answer for the message, and for a MemoryError end the whole worker.
            exc_info = _rejection(error)
        super().on_failure(exc_info, send_failed_event, return_ok)


def _rejection(error: Exception) -> Any:
    """Builds the error information of a message rejected and requeued because of an error."""
    try:
        raise Reject(type(error).__name__, requeue=True)
    except Reject:
        return ExceptionInfo()


def record_failure_cause(image_id: int, cause: FailureCause) -> None:
    """Records an image's failure cause, waiting RECORD_SECONDS at most.

    Where Postgres hangs, the attempt counts all the same, as "crashed". Images of a worker that is
    shutting down are not at fault, and image 0 is none.
    """
    if not image_id or shutdown.should_stop():
        return
    log.error("image_broke_us", image=image_id, trouble=cause)
    # In a thread: a server that is stopped, or a network that is gone, answers no client's timeout.
    recording = threading.Thread(target=_record_in_ledger, args=(image_id, cause), daemon=True)
    recording.start()
    recording.join(RECORD_SECONDS)
    if recording.is_alive():
        why = f"no answer in {RECORD_SECONDS:g} seconds"
        log.error("image_not_blamed", image=image_id, why=why)


def _record_in_ledger(image_id: int, cause: FailureCause) -> None:
    """Records through a connection opened and closed here: no child may inherit one."""
    try:
        url = resolve_urls(read_settings())[0]
        engine = open_engine(url, statement_seconds=0.8 * RECORD_SECONDS)
        try:
            Claims(engine).record_failure_cause(image_id, cause)
        finally:
            engine.dispose()
    except HkplatesError as error:
        log.error("image_not_blamed", image=image_id, why=str(error))
