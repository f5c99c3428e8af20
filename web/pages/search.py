"""Search: one box for a mark, or half a mark, also where it was misread."""

from collections import defaultdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from hkplates import time_ranges
from hkplates.database.queries.mark_search import MarkQuery, PatternInvalid, search
from hkplates.database.queries.sightings import PlateStyle, plate_styles
from hkplates.database.sighting_filter import SightingFilter
from hkplates.database.text import uri_or_key_prefix
from web.auth import audit_trail
from web.auth.throttle import RATE_LIMITED
from web.services import ServicesDep
from web.templating import render_page

router = APIRouter(include_in_schema=False)

PAGE_SIZE, MAX_RESULTS = 48, 480
"""Sightings on a page, and where more are asked for."""

Text = Annotated[str, Query(max_length=200)]
Key = Annotated[str, Query(max_length=4096)]


@router.get("/search", dependencies=[RATE_LIMITED])
def search_page(
    request: Request,
    services: ServicesDep,
    mark: Text = "",
    since: Text = "",
    until: Text = "",
    prefix: Key = "",
    purpose: Text = "",
    exact: bool = False,
    more: bool = False,
) -> HTMLResponse:
    """The sightings of a mark as cards, the likeliest first; without one, how to ask."""
    form = {
        "mark": mark,
        "since": since,
        "until": until,
        "prefix": prefix,
        "purpose": purpose,
        "exact": exact,
    }
    if not mark.strip():
        return render_page(request, "search.html", form=form, matches=None, wrong=None, more=False)
    most = MAX_RESULTS if more else PAGE_SIZE
    try:
        where = SightingFilter(
            since=_parse_time("From", since, 0),
            until=_parse_time("Until", until, 1),
            prefix=uri_or_key_prefix(prefix),
        )
        asked = MarkQuery(mark, where, limit=most, look_alikes=not exact)
        subject = {key: value for key, value in form.items() if value and key != "purpose"}
        audit_trail.record(request, "search", subject, purpose or None)
        matches = search(services.engine, asked)
    except (PatternInvalid, time_ranges.TimeInvalid) as error:
        wrong = str(error)
        return render_page(
            request, "search.html", status=422, form=form, matches=None, wrong=wrong, more=False
        )
    full = len(matches.found) == most
    found = plate_styles(services.engine, [one.plate_id for one in matches.found])
    return render_page(
        request,
        "search.html",
        form=form,
        matches=matches,
        looks=defaultdict(PlateStyle, found),
        wrong=None,
        more=full and not more,
    )


def _parse_time(name: str, text: str, end: int) -> datetime | None:
    """The first moment of a time, or with `end` the first after it; None where none is named."""
    if not text.strip():
        return None
    try:
        return time_ranges.parse_time_range(text)[end]
    except time_ranges.TimeInvalid as error:
        raise time_ranges.TimeInvalid(f"{name}: {error}") from None
