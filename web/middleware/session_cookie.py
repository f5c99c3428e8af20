"""The session's cookie: nobody's script reads it, and no page elsewhere sends it with a form."""

from http.cookies import SimpleCookie

from fastapi import Request

from web.auth.sessions import Session
from web.auth.state import Security

NAME = "hkplates_session"
SECURE_NAME = f"__Host-{NAME}"
"""A name that browsers take from this very host over TLS, and from nobody else."""


def read(request: Request, security: Security) -> str | None:
    """What the browser sent, unread."""
    return request.cookies.get(SECURE_NAME if _is_secure(request, security) else NAME)


def set_cookie_header(security: Security, request: Request, session: Session) -> str:
    """The header Set-Cookie. It lasts until the browser is closed, or the session ends before."""
    secure = _is_secure(request, security)
    name = SECURE_NAME if secure else NAME
    made: SimpleCookie = SimpleCookie({name: security.sessions.encode(session)})
    morsel = made[name]
    morsel["path"], morsel["samesite"] = "/", "Lax"
    morsel["httponly"], morsel["secure"] = True, secure
    return morsel.OutputString()


def _is_secure(request: Request, security: Security) -> bool:
    return security.access.is_https or request.url.scheme == "https"
