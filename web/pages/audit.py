"""The audit page: which principal viewed or did what, the newest first."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from hkplates.database import audit
from web.auth.principal import ReviewerDep
from web.display import REASONS, VERDICTS
from web.pages.parameters import BeforeId
from web.services import ServicesDep
from web.templating import render_page

router = APIRouter(include_in_schema=False)

PAGE_SIZE = 100
"""Rows on one page."""
ACTION_NAMES = {
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
FIELD_LABELS = {
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
"""Labels of a subject's values, in the order that they are shown."""
VALUE_NAMES: Mapping[str, Mapping[str, str]] = {
    "exact": {"True": "read just so"},
    "verdict": VERDICTS,
    "reason": REASONS,
}
"""Words for values of a subject, by field."""
HIDDEN_FIELDS = frozenset({"session", "began"})
"""Fields of a subject that are not shown: they are for revoked sessions alone."""


@router.get("/audit")
def show(
    request: Request,
    services: ServicesDep,
    _: ReviewerDep,
    before: BeforeId = None,
) -> HTMLResponse:
    """Shows the latest audit rows, or those with a smaller id than `before`."""
    found = audit.entries(services.engine, before=before, limit=PAGE_SIZE + 1)
    shown, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    return render_page(
        request,
        "audit.html",
        here="audit",
        entries=shown,
        before=before,
        after=shown[-1].id if more else None,
        action_names=ACTION_NAMES,
        describe_subject=describe_subject,
    )


def describe_subject(subject: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns what was searched, opened or changed: labels, some of them empty, and values."""
    names = [name for name in FIELD_LABELS if name in subject]
    names += [name for name in subject if name not in FIELD_LABELS and name not in HIDDEN_FIELDS]
    return [
        (FIELD_LABELS.get(name, name), VALUE_NAMES.get(name, {}).get(str(value), str(value)))
        for name in names
        if (value := subject[name]) not in (None, "", False)
    ]
