"""Where the page is; needs nothing of what the page needs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where the page listens; the names that it goes by, and the proxies that it believes."""

    host: str = "127.0.0.1"
    port: int = 8000
    trusted_hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
