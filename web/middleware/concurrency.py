"""Limits how many requests use the database at once, so that slow ones never block all others.

A page that waits for a slow database holds a thread and a connection. The login, static files, the
health check and pictures, which have threads of their own, are exempt and always find some free.
"""

import re

import anyio
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.auth.paths import PUBLIC, STATIC
from web.middleware.error_responses import RETRY_AFTER_SECONDS, error_response

MAX_CONCURRENT = 12
"""Requests at once: fewer than anyio's threads for all endpoints (40), or connections."""
MAX_WAIT_SECONDS = 2.0
"""Longest wait of a request for a slot."""
OVERLOADED = "Too much is being asked just now; try again in some seconds"
_PICTURE = re.compile("/(photos|plates)/.*|/api/v1/.*/(photo|crop)")


class ConcurrencyLimit:
    """Middleware that lets MAX_CONCURRENT requests in at once; one that waits too long gets 503.

    A request gives its slot back when its response starts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._slots = anyio.Semaphore(MAX_CONCURRENT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_exempt(scope["path"]):
            await self._app(scope, receive, send)
            return
        with anyio.move_on_after(MAX_WAIT_SECONDS) as timeout:
            await self._slots.acquire()
        if timeout.cancelled_caught:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            refusal = error_response(Request(scope), 503, OVERLOADED, headers=headers)
            await refusal(scope, receive, send)
            return
        await self._run_in_slot(scope, receive, send)

    async def _run_in_slot(self, scope: Scope, receive: Receive, send: Send) -> None:
        holds_slot = True

        def release() -> None:
            nonlocal holds_slot
            if holds_slot:
                holds_slot = False
                self._slots.release()

        async def release_and_send(message: Message) -> None:
            release()  # a client that receives slowly must not hold the slot
            await send(message)

        try:
            await self._app(scope, receive, release_and_send)
        finally:
            release()


def _is_exempt(path: str) -> bool:
    return path in PUBLIC or path.startswith(STATIC) or _PICTURE.fullmatch(path) is not None
