"""Adds the security headers of every response, which restrict what a browser does with it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.auth.paths import STATIC

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
FIXED_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # No foreign page shows our photographs, also not by their URL.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS_ONE_YEAR = "max-age=31536000"


class SecurityHeaders:
    """Middleware that adds the security headers; outside of every other that answers."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._fixed = dict(FIXED_HEADERS)
        if is_https:
            self._fixed["Strict-Transport-Security"] = HSTS_ONE_YEAR

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Pages show private photographs and names: no cache keeps them. Static files it may keep
        # and revalidate.
        cache_control = "no-cache" if scope["path"].startswith(STATIC) else "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._fixed)
                headers.setdefault("Cache-Control", cache_control)
            await send(message)

        await self._app(scope, receive, send_with_headers)
