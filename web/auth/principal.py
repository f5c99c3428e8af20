"""Who asks, and what they may do."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, HTTPException, Request

Role = Literal["reader", "reviewer"]
ROLES: tuple[Role, ...] = ("reader", "reviewer")


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: a reader sees, a reviewer also reviews and steers; without a role nothing."""

    name: str
    role: Role | None

    @property
    def may_read(self) -> bool:
        return self.role is not None

    @property
    def may_review(self) -> bool:
        return self.role == "reviewer"


LOCAL = Person("local", "reviewer")
"""Everybody, where the page listens on loopback and knows no users."""
NOBODY = Person("", None)
"""Whoever is not logged in."""
ASK_FOR_ROLE = "Only reviewers may do that; ask who runs this page for the role"


def person_of(request: Request) -> Person:
    """Who asks, as the gate found out; a page's template finds it as `person`."""
    person: Person = getattr(request.state, "person", NOBODY)
    return person


def csrf_token_of(request: Request) -> str:
    """What every form of the page carries as `csrf_token`, or a script's request as the header
    X-CSRF-Token."""
    return str(getattr(request.state, "csrf_token", ""))


def address_of(request: Request) -> str | None:
    """From where somebody asks; behind a proxy that is believed, what the proxy says."""
    return request.client.host if request.client else None


def _reader(request: Request) -> Person:
    # The gate lets nobody else through; this holds where a room is built without it.
    person = person_of(request)
    if not person.may_read:
        raise HTTPException(401, "Log in first")
    return person


def _reviewer(request: Request) -> Person:
    person = _reader(request)
    if not person.may_review:
        raise HTTPException(403, ASK_FOR_ROLE)
    return person


Asker = Annotated[Person, Depends(_reader)]
"""Type of an endpoint's parameter: whoever asks."""
Reviewer = Annotated[Person, Depends(_reviewer)]
"""Type of an endpoint's parameter: whoever asks, and only where they are a reviewer."""
