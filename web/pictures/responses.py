"""Threads, caching and statuses of responses with pictures, for pages and API alike."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request

from hkplates.errors import ImageRejected
from web.display import REASONS

T = TypeVar("T")

MAX_THREADS = 4
"""Pictures fetched or rendered at once; others wait, and pages do not wait for them."""
CACHE_CONTROL = "private, max-age=86400"
"""A picture of one content of one photograph never changes."""
NO_SUCH_PHOTOGRAPH = "There is no such photograph"
_STATUS_BY_REASON = {"missing": 404, "changed": 410, "forbidden": 403, "archived": 409}
_UNREADABLE = 422


def install_picture_threads(app: FastAPI) -> None:
    """Gives an application the threads of its pictures."""
    app.state.picture_threads = CapacityLimiter(MAX_THREADS)


async def run_in_picture_thread(request: Request, work: Callable[[], T]) -> T:
    """Runs a function in a thread for pictures, so that many of them block no other page."""
    threads: CapacityLimiter = request.app.state.picture_threads
    return await to_thread.run_sync(work, limiter=threads)


def describe_rejection(error: ImageRejected) -> tuple[int, str]:
    """Returns the HTTP status and the words for a photograph that cannot be shown."""
    status = _STATUS_BY_REASON.get(error.reason, _UNREADABLE)
    return status, REASONS.get(error.reason, "It cannot be shown")
