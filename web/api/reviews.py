"""API endpoints of the review queue and of reviews. Their docstrings are the OpenAPI document's."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request

from hkplates.database.reviews import reviews
from hkplates.database.reviews.queue import count_remaining, review_queue
from hkplates.database.sighting_filter import SightingFilter
from hkplates.database.text import uri_or_key_prefix
from web import pagination
from web.api import models
from web.api.parameters import (
    MAX_ID,
    Limit,
    Number,
    Prefix,
    Purpose,
    Since,
    TextCursor,
    Until,
    problem_responses,
    time_bounds,
)
from web.auth import audit_trail
from web.auth.principal import ReviewerDep
from web.auth.throttle import RATE_LIMITED
from web.lookups import require_sighting
from web.services import ServicesDep

router = APIRouter(tags=["Reviews"])

Below = Annotated[float, Query(ge=0, le=1, description="Read with less confidence than this.")]
Submission = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Its number.")]


@router.get(
    "/reviews/queue",
    dependencies=[RATE_LIMITED],
    responses=problem_responses(401, 404, 422, 429, 503),
)
def queue(
    request: Request,
    services: ServicesDep,
    below: Below = 0.8,
    since: Since = None,
    until: Until = None,
    prefix: Prefix = None,
    submission: Submission = None,
    limit: Limit = 20,
    cursor: TextCursor = None,
    purpose: Purpose = None,
) -> models.Queue:
    """Hong Kong plates that nobody has reviewed, the least sure first."""
    first, end = time_bounds(since, until)
    where = SightingFilter(
        below=pagination.round_to_real(below),
        region="HK",
        since=first,
        until=end,
        prefix=uri_or_key_prefix(prefix),
        submission=submission,
    )
    after = None if cursor is None else pagination.decode_confidence_cursor(cursor)
    given = {"below": below, "since": since, "until": until, "prefix": prefix}
    given |= {"submission": submission}
    subject = {key: value for key, value in given.items() if value is not None}
    audit_trail.record(request, "search", {"doubtful": True} | subject, purpose)
    found = review_queue(services.engine, where, after=after, limit=limit + 1)
    left, exact = count_remaining(services.engine, where)
    return models.Queue(
        items=[models.Doubtful.model_validate(row) for row in found[:limit]],
        next=pagination.encode_cursor(found[limit - 1].cursor) if len(found) > limit else None,
        left=left,
        left_is_exact=exact,
    )


@router.post(
    "/sightings/{plate_id}/reviews",
    status_code=201,
    responses=problem_responses(400, 401, 403, 404, 422, 503),
)
def review(
    request: Request,
    services: ServicesDep,
    plate_id: Number,
    given: models.ReviewGiven,
    reviewer: ReviewerDep,
) -> models.Review:
    """Say something about a reading; it is the plate's current review from now on. For reviewers.

    Said once more by the same person, nothing is added.
    """
    require_sighting(services, plate_id)  # before an audit row is written
    text = given.text if isinstance(given, models.Corrected) else None
    audit_trail.record(
        request, "review", {"plate": plate_id, "verdict": given.verdict, "text": text}
    )
    try:
        stored = reviews.record(
            services.engine,
            plate_id,
            given.verdict,
            text=text,
            reviewer=reviewer.name,
            note=given.note,
        )
    except reviews.PlateUnknown as error:
        raise HTTPException(404, str(error)) from None
    except reviews.ReviewInvalid as error:
        raise HTTPException(422, str(error)) from None
    return models.Review.model_validate(stored)
