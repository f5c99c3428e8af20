"""Paths with access rules of their own, and the check of redirect targets."""

from urllib.parse import urlsplit

HOME, LOGIN, LOGOUT, HEALTH = "/", "/login", "/logout", "/healthz"
STATIC = "/static/"
PUBLIC = frozenset({LOGIN, LOGOUT, HEALTH})
"""Paths that need no login."""
UNPRIVILEGED_WRITES = frozenset({LOGIN, LOGOUT})
"""Paths that change something and need no reviewer's role, nor any login."""


def safe_redirect(target: str) -> str:
    """Returns a redirect target if it is a path of this server, else the home page.

    `local_path("//evil.example/") == "/"`
    """
    plain = all("!" <= character <= "~" for character in target) and "\\" not in target
    if not plain or not target.startswith("/") or target.startswith("//"):
        return HOME
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or parts.path in (LOGIN, LOGOUT):
        return HOME
    return target
