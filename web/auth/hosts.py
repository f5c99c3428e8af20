"""Parses and compares Host and Origin headers, against DNS rebinding and cross-site requests.

A foreign page may let its own name resolve to this machine (DNS rebinding), but no IP address. So
an address is always accepted, and a name only if it is known.
"""

import ipaddress
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def split_host(host: str) -> tuple[str, int | None] | None:
    """Splits a Host header into name and port; None if it is malformed.

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
    """Checks that a name or address is this machine's own (loopback)."""
    if name.lower() == "localhost" or name.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_address(name: str) -> bool:
    """Checks that a host is an IP address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_same_origin(origin: str, host: str) -> bool:
    """Checks that an Origin header is the one of pages served under this Host header."""
    try:
        parts = urlsplit(origin)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return False
    requested = split_host(host)
    if requested is None or parts.scheme not in DEFAULT_PORTS:
        return False
    return (parts.hostname, port) == (requested[0], requested[1] or DEFAULT_PORTS[parts.scheme])
