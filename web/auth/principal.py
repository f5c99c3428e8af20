"""Defines the principal of a request and its roles, and the dependencies that require a role."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, HTTPException, Request

Role = Literal["reader", "reviewer"]
ROLES: tuple[Role, ...] = ("reader", "reviewer")


@dataclass(frozen=True, slots=True)
class Principal:
    """The user or program behind a request.

    A reader sees everything but the audit; a reviewer also reviews, controls submissions and sees
    the audit; without a role nothing is allowed.
    """

    name: str
    role: Role | None

    @property
    def may_read(self) -> bool:
        return self.role is not None

    @property
    def may_review(self) -> bool:
        return self.role == "reviewer"


LOCAL = Principal("local", "reviewer")
"""Everybody, if the page listens on loopback and no users are configured."""
ANONYMOUS = Principal("", None)
"""The principal of a request without login or token."""
REVIEWER_ROLE_REQUIRED = "Only reviewers may do that; ask who runs this page for the role"


def principal_of(request: Request) -> Principal:
    """Returns the principal that the gate authenticated; templates know it as `person`."""
    principal: Principal = getattr(request.state, "principal", ANONYMOUS)
    return principal


def csrf_token_of(request: Request) -> str:
    """Returns the token that each form carries as `csrf_token`, and a script's request as the
    header X-CSRF-Token."""
    return str(getattr(request.state, "csrf_token", ""))


def client_address(request: Request) -> str | None:
    """Returns the client's address; behind a trusted proxy, the one that the proxy reports."""
    return request.client.host if request.client else None


def _require_reader(request: Request) -> Principal:
    # The gate lets nobody else through; this holds where an application is built without it.
    principal = principal_of(request)
    if not principal.may_read:
        raise HTTPException(401, "Log in first")
    return principal


def _require_reviewer(request: Request) -> Principal:
    principal = _require_reader(request)
    if not principal.may_review:
        raise HTTPException(403, REVIEWER_ROLE_REQUIRED)
    return principal


ReaderDep = Annotated[Principal, Depends(_require_reader)]
"""Type of an endpoint's parameter: the principal, who must be a reader at least."""
ReviewerDep = Annotated[Principal, Depends(_require_reviewer)]
"""Type of an endpoint's parameter: the principal, who must be a reviewer."""
