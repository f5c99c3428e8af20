"""Submissions: which there are, how far one is, and what of it could not be read."""

from contextlib import closing
from dataclasses import asdict
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from hkplates.database.queries import submissions as queries
from hkplates.database.queries.failures import Failure as FailureRow
from hkplates.database.queries.failures import failures
from hkplates.database.queries.submissions import SubmissionRow
from hkplates.database.schema.failure_reasons import REASONS
from web.api import models
from web.api.parameters import IdCursor, Limit, Number, problem_responses
from web.errors import RetryLater
from web.services import Services, ServicesDep

router = APIRouter(prefix="/submissions", tags=["Submissions"])

MAX_WAIT_SECONDS = 5.0
"""How long a program waits for millions of images to be counted, with a turn (turns.py)."""
Reason = Annotated[
    str | None, Query(pattern=f"^({'|'.join(REASONS)})$", description="Only of this reason.")
]


class StillCounting(RetryLater):
    """The images of a submission are being counted."""


@router.get("", responses=problem_responses(401, 422, 503))
def latest(services: ServicesDep, limit: Limit = 50, cursor: IdCursor = None) -> models.Submissions:
    """Submissions, the newest first."""
    rows = queries.latest_submissions(services.engine, limit + 1, before=cursor)
    shown = rows[:limit]
    more = str(shown[-1].id) if len(rows) > limit else None
    return models.Submissions(items=[_submission_head(row) for row in shown], next=more)


@router.get("/{number}", responses=problem_responses(401, 404, 422, 503))
def one(services: ServicesDep, number: Number) -> models.Submission:
    """One submission: images by state, reasons, pace and when it will end at that pace."""
    [status] = services.statuses.get([_require_submission(services, number)], MAX_WAIT_SECONDS)
    if status is None:
        raise StillCounting(f"The images of submission {number} are being counted; ask again")
    return models.Submission.model_validate(status.as_json(services.format_step))


@router.get("/{number}/failures", responses=problem_responses(401, 404, 422, 503))
def not_read(
    services: ServicesDep,
    number: Number,
    reason: Reason = None,
    limit: Limit = 100,
    cursor: IdCursor = None,
) -> models.Failures:
    """Images of a submission that could not be read, and why."""
    _require_submission(services, number)
    with closing(failures(services.engine, number, reason, limit + 1, after=cursor or 0)) as rows:
        found = list(islice(rows, limit + 1))
    shown = found[:limit]
    more = str(shown[-1].image) if len(found) > limit else None
    return models.Failures(items=[_failure(row) for row in shown], next=more)


def _require_submission(services: Services, number: int) -> SubmissionRow:
    row = queries.find_submission(services.engine, number)
    if row is None:
        raise HTTPException(404, f"There is no submission {number}")
    return row


def _submission_head(row: SubmissionRow) -> models.SubmissionHead:
    fields = asdict(row)
    return models.SubmissionHead.model_validate({"submission": fields.pop("id"), **fields})


def _failure(row: FailureRow) -> models.Failure:
    return models.Failure.model_validate(
        asdict(row) | {"processed_at": row.ended_at, "uri": row.uri}
    )
