"""What guards the page, held by its process for all requests."""

from dataclasses import dataclass, field

from fastapi import Request

from web.auth.config import Access, local_access
from web.auth.rate_limit import SlidingWindow
from web.auth.sessions import Sessions


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How often something may be done."""

    logins_by_address: SlidingWindow = field(default_factory=lambda: SlidingWindow(20, 300))
    logins_by_name: SlidingWindow = field(default_factory=lambda: SlidingWindow(10, 300))
    """Of one name from one address: whoever knows a name locks nobody out elsewhere."""
    logins_by_name_anywhere: SlidingWindow = field(default_factory=lambda: SlidingWindow(100, 300))
    searches: SlidingWindow = field(default_factory=lambda: SlidingWindow(120, 60))
    """Of one person from one address."""


@dataclass(frozen=True, slots=True)
class Security:
    """Who may come in, the sessions that were begun, and how often something was done."""

    access: Access
    sessions: Sessions
    limits: RateLimits = field(default_factory=RateLimits)


def local_security() -> Security:
    """Only this machine may ask, and nobody logs in; sessions last as long as the process."""
    access = local_access()
    return Security(access, Sessions(access.secret))


def security_of(request: Request) -> Security:
    """What guards this page."""
    security: Security = request.app.state.security
    return security
