"""What the API is asked with, each within its limits, and what it answers where that is not so."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import HTTPException, Path, Query

from hkplates import time_ranges
from hkplates.time_ranges import TIME_EXAMPLES, TimeInvalid
from web.auth.audit_trail import MAX_PURPOSE_LENGTH
from web.errors import PROBLEM, WHAT_TO_DO

MAX_ID = 2**63 - 1
"""Number that the database has."""

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
    """The first moment that counts, and the first that does not any more.

    Raises:
        HTTPException: 422, what was typed is no time.
    """
    return _parse_time("since", since, 0), _parse_time("until", until, 1)


def _parse_time(name: str, text: str | None, end: int) -> datetime | None:
    if text is None or not text.strip():
        return None
    try:
        return time_ranges.parse_time_range(text)[end]
    except TimeInvalid as error:
        raise HTTPException(422, f"{name}: {error}") from None


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems that an endpoint may answer with, for its documentation."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": WHAT_TO_DO[status], "content": {PROBLEM: {"schema": schema}}}
        for status in statuses
    }
