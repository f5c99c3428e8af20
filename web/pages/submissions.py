"""Home: the submissions, how far they are, why photographs were not read, and what steers them."""

from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from hkplates.database.ledger.control import Change
from hkplates.database.ledger.intake import Ledger
from hkplates.database.queries import submissions as queries
from hkplates.database.queries.failures import failures
from hkplates.database.queries.submissions import SubmissionRow
from hkplates.database.schema.failure_reasons import REASONS
from hkplates.reporting.status import Status
from web.auth.audit_trail import note
from web.auth.principal import Reviewer
from web.background import Background
from web.services import Held, Services
from web.status_cache import is_old
from web.templating import page

router = APIRouter(include_in_schema=False)

Number = Annotated[int, Path(ge=1, lt=2**63)]
Before = Annotated[int | None, Query(ge=1, lt=2**63)]
Verb = Literal["pause", "resume", "cancel", "retry"]

LATEST = 20
FAILURES = 50
"""Photographs that could not be read, on one page."""
PATIENCE_SECONDS = 5.0
"""How long a page waits for many images to be changed; they are changed all the same."""

_steering = Background(2)


@router.get("/")
def home(request: Request, held: Held, before: Before = None) -> HTMLResponse:
    """The latest submissions, or those before a number."""
    rows = queries.latest_submissions(held.engine, LATEST + 1, before=before)
    shown, more = rows[:LATEST], len(rows) > LATEST
    told = list(zip(shown, held.statuses.of(shown), strict=True))
    every = _every(told, at_rest=5)
    return page(request, "home.html", submissions=told, more=more, before=before, every=every)


@router.get("/submissions/{number}")
def one(
    request: Request,
    held: Held,
    number: Number,
    said: str = "",
    images: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> HTMLResponse:
    """One submission; `said` is what was just done to it."""
    row = _require(held, number)
    [status] = held.statuses.of([row])
    every = _every([(row, status)], at_rest=60)
    return page(
        request,
        "submission.html",
        row=row,
        progress=status,
        said=said,
        images=images,
        every=every,
    )


@router.get("/submissions/{number}/failures")
def not_read(
    request: Request,
    held: Held,
    number: Number,
    reason: str | None = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> HTMLResponse:
    """The photographs of a submission that could not be read, some at a time."""
    row = _require(held, number)
    reason = None if reason is None else _known(reason)
    with closing(failures(held.engine, number, reason, FAILURES + 1, after=after)) as rows:
        found = list(islice(rows, FAILURES + 1))
    [status] = held.statuses.of([row])
    return page(
        request,
        "failures.html",
        row=row,
        reason=reason,
        reasons=None if status is None else status.reasons,
        failures=found[:FAILURES],
        more=len(found) > FAILURES,
        after=after,
    )


@router.get("/submissions/{number}/cancel")
def ask_to_cancel(request: Request, held: Held, number: Number, _: Reviewer) -> HTMLResponse:
    """Make sure that it is meant."""
    return page(request, "cancel.html", row=_require(held, number))


@router.post("/submissions/{number}/{verb}")
def steer(
    request: Request,
    held: Held,
    number: Number,
    verb: Verb,
    _: Reviewer,
    reason: Annotated[str, Form(max_length=40)] = "",
) -> RedirectResponse:
    """Pause, resume or cancel a submission, or try its failed photographs (of one reason) again."""
    _require(held, number)
    reason = _known(reason) if reason else ""
    subject = {"submission": number, "verb": verb} | ({"reason": reason} if reason else {})
    note(request, "control", subject)
    said = _retry(held, number, reason or None) if verb == "retry" else _change(held, number, verb)
    return RedirectResponse(f"/submissions/{number}?said={said}", 303)


def _change(held: Services, number: int, verb: Literal["pause", "resume", "cancel"]) -> str:
    ledger = Ledger(held.patient)
    acts = {"pause": ledger.pause, "resume": ledger.resume, "cancel": ledger.cancel}
    # Cancelling millions takes minutes. Broken off, the same button does the rest.
    changing = _steering.begin(acts[verb], number)
    try:
        change: Change | None = changing.result(PATIENCE_SECONDS)
    except TimeoutError:
        return "going-on"
    unchanged = change is None or change.before == change.after
    return f"no-{verb}" if unchanged else verb


def _retry(held: Services, number: int, reason: str | None) -> str:
    retrying = _steering.begin(Ledger(held.patient).retry, number, reason)
    try:
        images = sum(one.images for one in retrying.result(PATIENCE_SECONDS))
    except TimeoutError:
        return "going-on"
    return f"retry&images={images}" if images else "no-retry"


def _known(reason: str) -> str:
    if reason not in REASONS:
        raise HTTPException(404, f"There is no reason of this name; there are {', '.join(REASONS)}")
    return reason


def _every(told: Sequence[tuple[SubmissionRow, Status | None]], *, at_rest: int) -> int:
    """Seconds until a page of these is looked at again."""
    if any(status is None or is_old(row, status) for row, status in told):
        return 1
    return 2 if any(row.state in ("listing", "running") for row, _ in told) else at_rest


def _require(held: Services, number: int) -> SubmissionRow:
    row = queries.find_submission(held.engine, number)
    if row is None:
        raise HTTPException(404, f"There is no submission {number}")
    return row
