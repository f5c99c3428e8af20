"""Types of the API's parameters, each with its limits, and its documented problem responses."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import HTTPException, Path, Query

from hkplates.time_ranges import TIME_EXAMPLES, TimeInvalid
from web.auth.audit_trail import MAX_PURPOSE_LENGTH
from web.errors import PROBLEM, WHAT_TO_DO
from web.time_bounds import parse_since, parse_until

MAX_ID = 2**63 - 1
"""Largest id of the database, a BIGINT."""

Number = Annotated[int, Path(ge=1, le=MAX_ID)]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items on a page.")]
IdCursor = Annotated[
    int | None, Query(ge=1, le=MAX_ID, description="What `next` of the page before said.")
]
TextCursor = Annotated[
    str | None, Query(max_length=100, description="What `next` of the page before said.")
]
Since = Annotated[
    str | None, Query(max_length=40, description=f"Taken then or later: {TIME_EXAMPLES}.")
]
Until = Annotated[
    str | None, Query(max_length=40, description=f"Taken up to the end of it: {TIME_EXAMPLES}.")
]
Prefix = Annotated[
    str | None,
    Query(
        max_length=4096,
        description="What the key begins with, or s3://bucket/prefix, or a folder's path.",
    ),
]
Purpose = Annotated[
    str | None, Query(max_length=MAX_PURPOSE_LENGTH, description="What for; kept in the audit.")
]


def time_bounds(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Parses the bounds of a time range: its first moment, and the first after it.

    Raises:
        HTTPException: 422, a bound is no time.
    """
    try:
        return parse_since("since", since), parse_until("until", until)
    except TimeInvalid as error:
        raise HTTPException(422, str(error)) from None


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documents the problems that an endpoint may answer with, for the OpenAPI document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": WHAT_TO_DO[status], "content": {PROBLEM: {"schema": schema}}}
        for status in statuses
    }
