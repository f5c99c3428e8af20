"""The page of the trail: who looked at what, and did what, the newest first."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from hkplates.database import audit
from web.security.people import Reviewer
from web.services import Held
from web.templating import page

router = APIRouter(include_in_schema=False)

ROWS = 100
"""On one page."""
WORDS = {
    "search": "searched",
    "sighting": "opened a sighting",
    "photograph": "saw a photograph",
    "review": "reviewed",
    "control": "steered a submission",
    "export": "took corrections",
    "login": "logged in",
    "login_failed": "tried to log in",
    "logout": "logged out",
}
HIDDEN = frozenset({"session", "began"})
"""Of a subject: what only the page itself needs."""


@router.get("/audit")
def show(
    request: Request,
    held: Held,
    _: Reviewer,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> HTMLResponse:
    """The latest rows, or those before a number."""
    found = audit.entries(held.engine, before=before, limit=ROWS + 1)
    shown, more = found[:ROWS], len(found) > ROWS
    return page(
        request,
        "audit.html",
        here="audit",
        entries=shown,
        before=before,
        after=shown[-1].id if more else None,
        words=WORDS,
        hidden=HIDDEN,
    )
