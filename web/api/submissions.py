"""API endpoints of submissions and failures. Their docstrings are the OpenAPI document's."""

from contextlib import closing
from dataclasses import asdict
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query

from hkplates.database.queries import submissions
from hkplates.database.queries.failures import Failure as FailureRow
from hkplates.database.queries.failures import failures
from hkplates.database.queries.submissions import SubmissionRow
from hkplates.database.schema.failure_reasons import REASONS
from web.api import models
from web.api.parameters import IdCursor, Limit, Number, problem_responses
from web.errors import RetryLater
from web.lookups import require_submission
from web.services import ServicesDep

router = APIRouter(prefix="/submissions", tags=["Submissions"])

MAX_WAIT_SECONDS = 5.0
"""Longest wait of a request, which holds its slot (concurrency.py), for images to be counted."""
Reason = Annotated[
    str | None, Query(pattern=f"^({'|'.join(REASONS)})$", description="Only of this reason.")
]


class StillCounting(RetryLater):
    """The images of a submission are being counted."""


@router.get("", responses=problem_responses(401, 422, 503))
def latest(services: ServicesDep, limit: Limit = 50, cursor: IdCursor = None) -> models.Submissions:
    """Submissions, the newest first."""
    found = submissions.latest_submissions(services.engine, limit + 1, before=cursor)
    rows = found[:limit]
    next_cursor = str(rows[-1].id) if len(found) > limit else None
    return models.Submissions(items=[_submission_head(row) for row in rows], next=next_cursor)


@router.get("/{number}", responses=problem_responses(401, 404, 422, 503))
def one(services: ServicesDep, number: Number) -> models.Submission:
    """One submission: images by state, reasons, pace and when it will end at that pace."""
    [status] = services.statuses.get([require_submission(services, number)], MAX_WAIT_SECONDS)
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
    require_submission(services, number)
    with closing(failures(services.engine, number, reason, limit + 1, after=cursor or 0)) as stream:
        found = list(islice(stream, limit + 1))
    rows = found[:limit]
    next_cursor = str(rows[-1].image) if len(found) > limit else None
    return models.Failures(items=[_failure(row) for row in rows], next=next_cursor)


def _submission_head(row: SubmissionRow) -> models.SubmissionHead:
    fields = asdict(row)
    return models.SubmissionHead.model_validate({"submission": fields.pop("id"), **fields})


def _failure(row: FailureRow) -> models.Failure:
    return models.Failure.model_validate(
        asdict(row) | {"processed_at": row.ended_at, "uri": row.uri}
    )
