"""How often one person may search."""

from fastapi import Depends, HTTPException, Request

from web.auth.principal import address_of, person_of
from web.auth.rate_limit import neighbourhood
from web.auth.state import security_of


def too_often(wait: int, what: str) -> HTTPException:
    """The answer to somebody who must wait some seconds."""
    detail = f"Those were too many {what}; try again in {wait} seconds"
    return HTTPException(429, detail, {"Retry-After": str(wait)})


def _unhurried(request: Request) -> None:
    person, address = person_of(request), neighbourhood(address_of(request))
    wait = security_of(request).limits.searches.take(f"{person.name} {address}")
    if wait:
        raise too_often(wait, "searches")


UNHURRIED = Depends(_unhurried)
"""Of an endpoint that searches: `dependencies=[UNHURRIED]`; it answers 429 to whoever asks too
often."""
