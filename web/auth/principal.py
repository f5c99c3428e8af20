"""Who asks, and what they may do."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, HTTPException, Request

Role = Literal["reader", "reviewer"]
ROLES: tuple[Role, ...] = ("reader", "reviewer")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a reader sees, a reviewer also reviews and steers; without a role nothing."""

    name: str
    role: Role | None

    @property
    def may_read(self) -> bool:
        return self.role is not None

    @property
    def may_review(self) -> bool:
        return self.role == "reviewer"


LOCAL = Principal("local", "reviewer")
"""Everybody, where the page listens on loopback and knows no users."""
ANONYMOUS = Principal("", None)
"""Whoever is not logged in."""
REVIEWER_ROLE_REQUIRED = "Only reviewers may do that; ask who runs this page for the role"


def principal_of(request: Request) -> Principal:
    """Who asks, as the gate found out; a page's template finds it as `person`."""
    person: Principal = getattr(request.state, "person", ANONYMOUS)
    return person


def csrf_token_of(request: Request) -> str:
    """What every form of the page carries as `csrf_token`, or a script's request as the header
    X-CSRF-Token."""
    return str(getattr(request.state, "csrf_token", ""))


def client_address(request: Request) -> str | None:
    """From where somebody asks; behind a proxy that is believed, what the proxy says."""
    return request.client.host if request.client else None


def _require_reader(request: Request) -> Principal:
    # The gate lets nobody else through; this holds where a room is built without it.
    person = principal_of(request)
    if not person.may_read:
        raise HTTPException(401, "Log in first")
    return person


def _require_reviewer(request: Request) -> Principal:
    person = _require_reader(request)
    if not person.may_review:
        raise HTTPException(403, REVIEWER_ROLE_REQUIRED)
    return person


ReaderDep = Annotated[Principal, Depends(_require_reader)]
"""Type of an endpoint's parameter: whoever asks."""
ReviewerDep = Annotated[Principal, Depends(_require_reviewer)]
"""Type of an endpoint's parameter: whoever asks, and only where they are a reviewer."""
