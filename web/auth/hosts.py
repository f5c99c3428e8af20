"""The names by which a page is asked for, against pages elsewhere that ask it in someone's name.

A page elsewhere may let its own name lead to this machine (DNS rebinding), but no address. So an
address is always in order, and a name only where it is known.
"""

import ipaddress
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def split_host(host: str) -> tuple[str, int | None] | None:
    """The name and the port of a Host header; None where it is none.

    `split_host("[::1]:8000") == ("::1", 8000)`
    """
    if not host or any(not "!" <= character <= "~" or character in "/?#@\\" for character in host):
        return None
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname.rstrip("."), parts.port) if parts.hostname else None
    except ValueError:
        return None


def is_loopback(name: str) -> bool:
    """Whether it names this machine to itself."""
    if name.lower() == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(name: str) -> bool:
    """Whether it is an address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page of this origin was served under this Host header."""
    try:
        parts = urlsplit(origin)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return False
    asked = split_host(host)
    if asked is None or parts.scheme not in DEFAULT_PORTS:
        return False
    return (parts.hostname, port) == (asked[0], asked[1] or DEFAULT_PORTS[parts.scheme])
