"""Answers HEAD with the headers of GET."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Middleware that routes HEAD of a page as GET; the server leaves the body out.

    The API answers 405 instead, with the methods that it takes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and not _is_api(scope):
            scope = {**scope, "method": "GET"}  # the server's own scope still says HEAD
        await self._app(scope, receive, send)


def _is_api(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/api/")
