"""Who asks, and what they may do."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, HTTPException, Request

Role = Literal["reader", "reviewer"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in; a reader sees, a reviewer also reviews and steers."""

    name: str
    role: Role

    @property
    def may_review(self) -> bool:
        return self.role == "reviewer"


LOCAL = Person("local", "reviewer")
"""Everybody, where the page listens on loopback and knows no users."""


def person_of(request: Request) -> Person:
    """Who asks; a page's template finds it as `person`."""
    person: Person = getattr(request.state, "person", LOCAL)
    return person


def csrf_token_of(request: Request) -> str:
    """What every form of the page carries as `csrf_token`."""
    return str(getattr(request.state, "csrf_token", ""))


def _reviewer(request: Request) -> Person:
    person = person_of(request)
    if not person.may_review:
        raise HTTPException(403, "Only reviewers may do that; ask who runs this page for the role")
    return person


Asker = Annotated[Person, Depends(person_of)]
"""Type of an endpoint's parameter: whoever asks."""
Reviewer = Annotated[Person, Depends(_reviewer)]
"""Type of an endpoint's parameter: whoever asks, and only where they are a reviewer."""
