"""Defines the server's listen address, without importing what the server needs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Host and port to listen on, the accepted host names, and the trusted proxies."""

    host: str = "127.0.0.1"
    port: int = 8000
    trusted_hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
