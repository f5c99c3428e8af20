"""Reads and writes the session's cookie, which no script reads and no foreign form sends."""

from http.cookies import SimpleCookie

from fastapi import Request

from web.auth.sessions import Session
from web.auth.state import Security

NAME = "hkplates_session"
SECURE_NAME = f"__Host-{NAME}"
"""A name that browsers accept from this very host over TLS alone."""


def read(request: Request, security: Security) -> str | None:
    """Returns the cookie's value as the browser sent it, not decoded; None without one."""
    return request.cookies.get(SECURE_NAME if _is_secure(request, security) else NAME)


def set_cookie_header(security: Security, request: Request, session: Session) -> str:
    """Returns the value of Set-Cookie: a cookie that lasts until the browser is closed."""
    secure = _is_secure(request, security)
    name = SECURE_NAME if secure else NAME
    cookie: SimpleCookie = SimpleCookie({name: security.sessions.encode(session)})
    morsel = cookie[name]
    morsel["path"], morsel["samesite"] = "/", "Lax"
    morsel["httponly"], morsel["secure"] = True, secure
    return morsel.OutputString()


def _is_secure(request: Request, security: Security) -> bool:
    return security.access.is_https or request.url.scheme == "https"
