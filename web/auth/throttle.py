"""Refuses searches and logins of a client that are too frequent, with status 429."""

import structlog
from fastapi import Depends, HTTPException, Request

from web.auth.principal import client_address, principal_of
from web.auth.rate_limit import client_network
from web.auth.state import security_of

log = structlog.get_logger()


def check_login_rate(request: Request, name: str) -> None:
    """Refuses a login whose client or name was tried too often, before any password is verified.

    Raises:
        HTTPException: 429, with the seconds to wait.
    """
    security, network = security_of(request), client_network(client_address(request))
    limits = security.limits
    for limit, window, key in (
        ("address", limits.logins_by_address, network),
        ("name", limits.logins_by_name, f"{network} {name}"),
        ("name_anywhere", limits.logins_by_name_anywhere, name),
    ):
        if seconds := window.try_acquire(key):
            known = security.access.users.find(name) is not None
            log.warning("login_refused", limit=limit, known=known, address=client_address(request))
            raise _too_many_requests(seconds, "attempts to log in")


def reset_login_rate(request: Request, name: str) -> None:
    """Forgets the attempts of a name from this client, once it has logged in."""
    network = client_network(client_address(request))
    security_of(request).limits.logins_by_name.reset(f"{network} {name}")


def _check_search_rate(request: Request) -> None:
    principal, network = principal_of(request), client_network(client_address(request))
    seconds = security_of(request).limits.searches.try_acquire(f"{principal.name} {network}")
    if seconds:
        raise _too_many_requests(seconds, "searches")


RATE_LIMITED = Depends(_check_search_rate)
"""Dependency of an endpoint that searches: `dependencies=[RATE_LIMITED]`; answers 429 to a
principal that searches too often."""


def _too_many_requests(seconds: int, what: str) -> HTTPException:
    detail = f"Those were too many {what}; try again in {seconds} seconds"
    return HTTPException(429, detail, {"Retry-After": str(seconds)})
