"""Home: the submissions, how far they are, why photographs were not read, and what steers them."""

from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from hkplates.database.ledger.control import Change, Control
from hkplates.database.queries import submissions as queries
from hkplates.database.queries.failures import failures
from hkplates.database.queries.submissions import SubmissionRow
from hkplates.database.schema.failure_reasons import REASONS
from hkplates.reporting.status import Status
from web.auth import audit_trail
from web.auth.principal import ReviewerDep
from web.background import DaemonExecutor
from web.services import Services, ServicesDep
from web.status_cache import is_stale
from web.templating import render_page

router = APIRouter(include_in_schema=False)

Number = Annotated[int, Path(ge=1, lt=2**63)]
Before = Annotated[int | None, Query(ge=1, lt=2**63)]
Action = Literal["pause", "resume", "cancel", "retry"]

PAGE_SIZE = 20
FAILURES_PAGE_SIZE = 50
"""Photographs that could not be read, on one page."""
MAX_WAIT_SECONDS = 5.0
"""How long a page waits for many images to be changed; they are changed all the same."""

_executor = DaemonExecutor(2)


@router.get("/")
def home(request: Request, services: ServicesDep, before: Before = None) -> HTMLResponse:
    """The latest submissions, or those before a number."""
    rows = queries.latest_submissions(services.engine, PAGE_SIZE + 1, before=before)
    shown, more = rows[:PAGE_SIZE], len(rows) > PAGE_SIZE
    told = list(zip(shown, services.statuses.get(shown), strict=True))
    every = _refresh_seconds(told, at_rest=5)
    return render_page(
        request, "home.html", submissions=told, more=more, before=before, every=every
    )


@router.get("/submissions/{number}")
def show_submission(
    request: Request,
    services: ServicesDep,
    number: Number,
    said: str = "",
    images: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> HTMLResponse:
    """One submission; `said` is what was just done to it."""
    row = _require_submission(services, number)
    [status] = services.statuses.get([row])
    every = _refresh_seconds([(row, status)], at_rest=60)
    return render_page(
        request,
        "submission.html",
        row=row,
        progress=status,
        next_steps=[] if status is None else status.next_steps(services.format_step),
        said=said,
        images=images,
        every=every,
    )


@router.get("/submissions/{number}/failures")
def show_failures(
    request: Request,
    services: ServicesDep,
    number: Number,
    reason: str | None = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> HTMLResponse:
    """The photographs of a submission that could not be read, some at a time."""
    row = _require_submission(services, number)
    reason = None if reason is None else _require_known_reason(reason)
    with closing(
        failures(services.engine, number, reason, FAILURES_PAGE_SIZE + 1, after=after)
    ) as rows:
        found = list(islice(rows, FAILURES_PAGE_SIZE + 1))
    [status] = services.statuses.get([row])
    return render_page(
        request,
        "failures.html",
        row=row,
        reason=reason,
        reasons=None if status is None else status.reasons,
        failures=found[:FAILURES_PAGE_SIZE],
        more=len(found) > FAILURES_PAGE_SIZE,
        after=after,
    )


@router.get("/submissions/{number}/cancel")
def confirm_cancel(
    request: Request, services: ServicesDep, number: Number, _: ReviewerDep
) -> HTMLResponse:
    """Make sure that it is meant."""
    return render_page(request, "cancel.html", row=_require_submission(services, number))


@router.post("/submissions/{number}/{verb}")
def control_submission(
    request: Request,
    services: ServicesDep,
    number: Number,
    verb: Action,
    _: ReviewerDep,
    reason: Annotated[str, Form(max_length=40)] = "",
) -> RedirectResponse:
    """Pause, resume or cancel a submission, or try its failed photographs (of one reason) again."""
    _require_submission(services, number)
    reason = _require_known_reason(reason) if reason else ""
    subject = {"submission": number, "verb": verb} | ({"reason": reason} if reason else {})
    audit_trail.record(request, "control", subject)
    said = (
        _retry(services, number, reason or None)
        if verb == "retry"
        else _change(services, number, verb)
    )
    return RedirectResponse(f"/submissions/{number}?said={said}", 303)


def _change(services: Services, number: int, verb: Literal["pause", "resume", "cancel"]) -> str:
    control = Control(services.slow_engine)
    acts = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
    # Cancelling millions takes minutes. Broken off, the same button does the rest.
    changing = _executor.submit(acts[verb], number)
    try:
        change: Change | None = changing.result(MAX_WAIT_SECONDS)
    except TimeoutError:
        return "going-on"
    unchanged = change is None or change.before == change.after
    return f"no-{verb}" if unchanged else verb


def _retry(services: Services, number: int, reason: str | None) -> str:
    retrying = _executor.submit(Control(services.slow_engine).retry, number, reason)
    try:
        images = sum(one.images for one in retrying.result(MAX_WAIT_SECONDS))
    except TimeoutError:
        return "going-on"
    return f"retry&images={images}" if images else "no-retry"


def _require_known_reason(reason: str) -> str:
    if reason not in REASONS:
        raise HTTPException(404, f"There is no reason of this name; there are {', '.join(REASONS)}")
    return reason


def _refresh_seconds(told: Sequence[tuple[SubmissionRow, Status | None]], *, at_rest: int) -> int:
    """Seconds until a page of these is looked at again."""
    if any(status is None or is_stale(row, status) for row, status in told):
        return 1
    return 2 if any(row.state in ("listing", "running") for row, _ in told) else at_rest


def _require_submission(services: Services, number: int) -> SubmissionRow:
    row = queries.find_submission(services.engine, number)
    if row is None:
        raise HTTPException(404, f"There is no submission {number}")
    return row
