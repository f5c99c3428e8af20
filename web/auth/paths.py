"""Addresses of the page that the gate knows, and where it leads people."""

from urllib.parse import urlsplit

HOME, LOGIN, LOGOUT, HEALTH = "/", "/login", "/logout", "/healthz"
STATIC = "/static/"
PUBLIC = frozenset({LOGIN, LOGOUT, HEALTH})
"""For which nobody need be logged in."""
UNPRIVILEGED_WRITES = frozenset({LOGIN, LOGOUT})
"""What changes something, and may be asked for by readers and by nobody."""


def safe_redirect(target: str) -> str:
    """An address of this page, or home where it is none: nobody is led elsewhere.

    `local_path("//evil.example/") == "/"`
    """
    plain = all("!" <= character <= "~" for character in target) and "\\" not in target
    if not plain or not target.startswith("/") or target.startswith("//"):
        return HOME
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or parts.path in (LOGIN, LOGOUT):
        return HOME
    return target
