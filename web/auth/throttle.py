"""How often one person may search."""

from fastapi import Depends, HTTPException, Request

from web.auth.principal import client_address, principal_of
from web.auth.rate_limit import client_network
from web.auth.state import security_of


def too_many_requests(wait: int, what: str) -> HTTPException:
    """The answer to somebody who must wait some seconds."""
    detail = f"Those were too many {what}; try again in {wait} seconds"
    return HTTPException(429, detail, {"Retry-After": str(wait)})


def _check_search_rate(request: Request) -> None:
    person, address = principal_of(request), client_network(client_address(request))
    wait = security_of(request).limits.searches.try_acquire(f"{person.name} {address}")
    if wait:
        raise too_many_requests(wait, "searches")


RATE_LIMITED = Depends(_check_search_rate)
"""Of an endpoint that searches: `dependencies=[UNHURRIED]`; it answers 429 to whoever asks too
often."""
