"""HEAD: what a page would answer to GET, without its body."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Asks pages as with GET, and the server leaves the body out. The API says what it takes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and not _is_api(scope):
            scope = {**scope, "method": "GET"}  # the server's own still says HEAD
        await self._app(scope, receive, send)


def _is_api(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/api/")
