"""Holds the security state of the process: access, sessions and rate limits."""

from dataclasses import dataclass, field

from fastapi import Request

from web.auth.config import Access, local_access
from web.auth.rate_limit import SlidingWindow
from web.auth.sessions import Sessions


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The sliding windows of logins and searches."""

    logins_by_address: SlidingWindow = field(default_factory=lambda: SlidingWindow(20, 300))
    logins_by_name: SlidingWindow = field(default_factory=lambda: SlidingWindow(10, 300))
    """Per name and client network: knowing a name locks nobody out elsewhere."""
    logins_by_name_anywhere: SlidingWindow = field(default_factory=lambda: SlidingWindow(100, 300))
    searches: SlidingWindow = field(default_factory=lambda: SlidingWindow(120, 60))
    """Per principal and client network."""


@dataclass(frozen=True, slots=True)
class Security:
    """The access configuration, the sessions and the rate limits of a process."""

    access: Access
    sessions: Sessions
    limits: RateLimits = field(default_factory=RateLimits)


def local_security() -> Security:
    """Returns the security of this machine alone, without login; sessions end with the process."""
    access = local_access()
    return Security(access, Sessions(access.secret))


def security_of(request: Request) -> Security:
    """Returns the security state of the request's application."""
    security: Security = request.app.state.security
    return security
