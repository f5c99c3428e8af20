"""Defines the one task: unpacks a message, calls the pipeline, and accepts or rejects it."""

import random
import time

import structlog
from celery import Task
from celery.exceptions import Reject

from hkplates.jobs import TASK_RECOGNISE_CHUNK, Chunk, MessageInvalid
from workers.app import app
from workers.lifecycle.chunk_request import ChunkRequest
from workers.services import pipeline

log = structlog.get_logger()


@app.task(bind=True, name=TASK_RECOGNISE_CHUNK, Request=ChunkRequest)  # type: ignore[untyped-decorator]
def recognise_chunk(task: Task, message: object = None, *_: object, **__: object) -> None:
    """Recognises the images of one message. Whatever the message holds, the worker survives."""
    with structlog.contextvars.bound_contextvars(task=task.request.id):
        try:
            chunk = Chunk.from_message(message)
        except MessageInvalid as error:
            # Dropped: no second delivery would make it valid, and its images, if it was meant to
            # hold some, are sent again when their lease ends.
            log.error("message_dropped", why=str(error))
            return
        _process(chunk, redelivered=bool((task.request.delivery_info or {}).get("redelivered")))


def pause_at_random() -> None:
    """Sleeps for 0.5 to 2 seconds: a process that cannot load its model must not spin."""
    time.sleep(random.uniform(0.5, 2.0))  # noqa: S311  (no secret)


def _process(chunk: Chunk, *, redelivered: bool) -> None:
    """Processes a chunk; rejects its message back into the queue on any error."""
    try:
        pipeline().process(chunk, one_at_a_time=redelivered)
    except Exception as error:
        # Processed one image at a time when it comes back; workers/chunk/pipeline.py says why that
        # ends. Also for MemoryError, which Celery would take as a reason to end the whole worker.
        log.exception("chunk_broken", images=len(chunk.images), alone=redelivered)
        pause_at_random()
        raise Reject(type(error).__name__, requeue=True) from None
