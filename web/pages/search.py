"""The search page: sightings of a mark or a part of it, also where it was misread."""

from collections import defaultdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from hkplates.database.queries.mark_search import MarkQuery, PatternInvalid, search
from hkplates.database.queries.sightings import PlateStyle, plate_styles
from hkplates.database.sighting_filter import SightingFilter
from hkplates.database.text import uri_or_key_prefix
from hkplates.time_ranges import TimeInvalid
from web.auth import audit_trail
from web.auth.throttle import RATE_LIMITED
from web.pages.parameters import ShortText
from web.services import ServicesDep
from web.templating import render_page
from web.time_bounds import parse_since, parse_until

router = APIRouter(include_in_schema=False)

PAGE_SIZE, MAX_RESULTS = 48, 480
"""Sightings on a page, and after "Show more"."""

Prefix = Annotated[str, Query(max_length=4096)]


@router.get("/search", dependencies=[RATE_LIMITED])
def search_page(
    request: Request,
    services: ServicesDep,
    mark: ShortText = "",
    since: ShortText = "",
    until: ShortText = "",
    prefix: Prefix = "",
    purpose: ShortText = "",
    exact: bool = False,
    more: bool = False,
) -> HTMLResponse:
    """Shows the sightings of a mark as cards, the likeliest first; without a mark, how to ask."""
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
    limit = MAX_RESULTS if more else PAGE_SIZE
    try:
        where = SightingFilter(
            since=parse_since("From", since),
            until=parse_until("Until", until),
            prefix=uri_or_key_prefix(prefix),
        )
        query = MarkQuery(mark, where, limit=limit, look_alikes=not exact)
        subject = {key: value for key, value in form.items() if value and key != "purpose"}
        audit_trail.record(request, "search", subject, purpose or None)
        matches = search(services.engine, query)
    except (PatternInvalid, TimeInvalid) as error:
        wrong = str(error)
        return render_page(
            request, "search.html", status=422, form=form, matches=None, wrong=wrong, more=False
        )
    is_full = len(matches.found) == limit
    styles = plate_styles(services.engine, [match.plate_id for match in matches.found])
    return render_page(
        request,
        "search.html",
        form=form,
        matches=matches,
        styles=defaultdict(PlateStyle, styles),
        wrong=None,
        more=is_full and not more,
    )
