"""The page of the trail: who looked at what, and did what, the newest first."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from hkplates.database import audit
from web.auth.principal import Reviewer
from web.display import REASONS, VERDICTS
from web.services import Held
from web.templating import page

router = APIRouter(include_in_schema=False)

ROWS = 100
"""On one page."""
WORDS = {
    "search": "searched",
    "sighting": "opened",
    "photograph": "saw",
    "review": "reviewed",
    "control": "steered",
    "export": "exported",
    "login": "logged in",
    "login_failed": "tried to log in",
    "logout": "logged out",
}
NAMES = {
    "submission": "submission",
    "verb": "",
    "plate": "sighting",
    "verdict": "",
    "mark": "mark",
    "text": "as",
    "exact": "",
    "since": "from",
    "until": "until",
    "prefix": "where",
    "reason": "for",
    "what": "",
}
"""What stands before each value of a subject, in this order."""
TOLD: Mapping[str, Mapping[str, str]] = {
    "exact": {"True": "read just so"},
    "verdict": VERDICTS,
    "reason": REASONS,
}
"""Values in words."""
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
        told=told,
    )


def told(subject: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was searched, opened or changed: names, some of them empty, and values in words."""
    names = [name for name in NAMES if name in subject]
    names += [name for name in subject if name not in NAMES and name not in HIDDEN]
    return [
        (NAMES.get(name, name), TOLD.get(name, {}).get(str(value), str(value)))
        for name in names
        if (value := subject[name]) not in (None, "", False)
    ]
