"""Turns: so many pages ask the database at once, so that what is slow never stops everything.

Pages that wait for a slow database hold a thread and a connection each. The login, the page's own
files, its health and pictures, which have threads of their own, need no turn and find one free.
"""

import re

import anyio
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.auth.paths import PUBLIC, STATIC
from web.middleware.error_responses import RETRY_AFTER_SECONDS, error_response

MAX_CONCURRENT = 12
"""Fewer than there are threads for all that is asked (40, of anyio), or connections."""
MAX_WAIT_SECONDS = 2.0
"""How long somebody waits for their turn."""
OVERLOADED = "Too much is being asked just now; try again in some seconds"
_PICTURE = re.compile("/(photos|plates)/.*|/api/v1/.*/(photo|crop)")


class ConcurrencyLimit:
    """Lets in so many at once, others after a while or not at all; one each until it answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._slots = anyio.Semaphore(MAX_CONCURRENT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_exempt(scope["path"]):
            await self._app(scope, receive, send)
            return
        with anyio.move_on_after(MAX_WAIT_SECONDS) as waiting:
            await self._slots.acquire()
        if waiting.cancelled_caught:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            refused = error_response(Request(scope), 503, OVERLOADED, headers=headers)
            await refused(scope, receive, send)
            return
        await self._run_in_slot(scope, receive, send)

    async def _run_in_slot(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_turn = True

        def release() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                self._slots.release()

        async def sending(message: Message) -> None:
            release()  # whoever takes long to receive it holds nobody up
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            release()


def _is_exempt(path: str) -> bool:
    return path in PUBLIC or path.startswith(STATIC) or _PICTURE.fullmatch(path) is not None
