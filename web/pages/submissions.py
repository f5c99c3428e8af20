"""Pages of submissions: their progress, their failures, and the buttons that control them."""

from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from hkplates.database.ledger.control import Change, Control
from hkplates.database.queries.failures import failures
from hkplates.database.queries.submissions import SubmissionRow, latest_submissions
from hkplates.database.schema.failure_reasons import REASONS
from hkplates.reporting.status import Status
from web.auth import audit_trail
from web.auth.principal import ReviewerDep
from web.background import DaemonExecutor
from web.lookups import require_submission
from web.pages.parameters import BeforeId, RowId
from web.services import Services, ServicesDep
from web.status_cache import is_stale
from web.templating import render_page

router = APIRouter(include_in_schema=False)

Action = Literal["pause", "resume", "cancel", "retry"]

PAGE_SIZE = 20
FAILURES_PAGE_SIZE = 50
MAX_WAIT_SECONDS = 5.0
"""Longest wait of a page for a change of many images, which goes on without the page."""

_executor = DaemonExecutor(2)


@router.get("/")
def home(request: Request, services: ServicesDep, before: BeforeId = None) -> HTMLResponse:
    """Shows the latest submissions, or those with a smaller id than `before`."""
    found = latest_submissions(services.engine, PAGE_SIZE + 1, before=before)
    rows, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    submissions = list(zip(rows, services.statuses.get(rows), strict=True))
    every = _refresh_seconds(submissions, at_rest=5)
    return render_page(
        request, "home.html", submissions=submissions, more=more, before=before, every=every
    )


@router.get("/submissions/{number}")
def show_submission(
    request: Request,
    services: ServicesDep,
    number: RowId,
    said: str = "",
    images: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> HTMLResponse:
    """Shows one submission; `said` is what was just done to it."""
    row = require_submission(services, number)
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
    number: RowId,
    reason: str | None = None,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> HTMLResponse:
    """Lists the photographs of a submission that could not be read, page by page."""
    row = require_submission(services, number)
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
    request: Request, services: ServicesDep, number: RowId, _: ReviewerDep
) -> HTMLResponse:
    """Asks for confirmation before a submission is cancelled."""
    return render_page(request, "cancel.html", row=require_submission(services, number))


@router.post("/submissions/{number}/{verb}")
def control_submission(
    request: Request,
    services: ServicesDep,
    number: RowId,
    verb: Action,
    _: ReviewerDep,
    reason: Annotated[str, Form(max_length=40)] = "",
) -> RedirectResponse:
    """Pauses, resumes or cancels a submission, or retries its failed images (of one reason)."""
    require_submission(services, number)
    reason = _require_known_reason(reason) if reason else ""
    subject = {"submission": number, "verb": verb} | ({"reason": reason} if reason else {})
    audit_trail.record(request, "control", subject)
    if verb == "retry":
        said = _retry(services, number, reason or None)
    else:
        said = _change_state(services, number, verb)
    return RedirectResponse(f"/submissions/{number}?said={said}", 303)


def _change_state(
    services: Services, number: int, verb: Literal["pause", "resume", "cancel"]
) -> str:
    """Changes a submission's state; returns what its page says about it (`said`)."""
    control = Control(services.slow_engine)
    actions = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel}
    # Cancelling millions takes minutes. Broken off, the same button does the rest.
    pending = _executor.submit(actions[verb], number)
    try:
        change: Change | None = pending.result(MAX_WAIT_SECONDS)
    except TimeoutError:
        return "going-on"
    unchanged = change is None or change.before == change.after
    return f"no-{verb}" if unchanged else verb


def _retry(services: Services, number: int, reason: str | None) -> str:
    """Retries the failed images of a submission; returns what its page says about it."""
    pending = _executor.submit(Control(services.slow_engine).retry, number, reason)
    try:
        images = sum(retried.images for retried in pending.result(MAX_WAIT_SECONDS))
    except TimeoutError:
        return "going-on"
    return f"retry&images={images}" if images else "no-retry"


def _require_known_reason(reason: str) -> str:
    if reason not in REASONS:
        raise HTTPException(404, f"There is no reason of this name; there are {', '.join(REASONS)}")
    return reason


def _refresh_seconds(
    submissions: Sequence[tuple[SubmissionRow, Status | None]], *, at_rest: int
) -> int:
    """Returns the seconds after which a page of these submissions is loaded again."""
    if any(status is None or is_stale(row, status) for row, status in submissions):
        return 1
    return 2 if any(row.state in ("listing", "running") for row, _ in submissions) else at_rest
