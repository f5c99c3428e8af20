"""Pages of one sighting, with its photograph and confidences, and of all sightings of a mark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from hkplates.database.queries import sightings
from hkplates.database.queries.sightings import Sighting
from hkplates.database.reviews import reviews
from hkplates.recognition.marks import canonical
from web import pagination
from web.auth import audit_trail
from web.auth.throttle import RATE_LIMITED
from web.lookups import require_sighting
from web.pages.parameters import RowId, ShortText
from web.pictures import overlay
from web.services import Services, ServicesDep
from web.templating import render_page

router = APIRouter(include_in_schema=False)

UNSURE_BELOW = 0.8
"""Confidence below which a character is marked as unsure."""
MAX_BESIDE_SIGHTING, PAGE_SIZE = 24, 100
"""Sightings of the same mark: on the page of one sighting, and on a page of their own."""


@router.get("/sightings/{plate_id}")
def show_sighting(
    request: Request,
    services: ServicesDep,
    plate_id: RowId,
    purpose: ShortText = "",
    said: ShortText = "",
) -> HTMLResponse:
    """Shows everything about one plate on one photograph; `said` is what was just done to it."""
    sighting = require_sighting(services, plate_id)
    mark = sighting.mark
    audit_trail.record(request, "sighting", {"plate": plate_id, "mark": mark}, purpose or None)
    others: list[Sighting] = []
    if mark and sighting.complete:
        others = sightings.sightings_of_mark(services.engine, mark, limit=MAX_BESIDE_SIGHTING)
    return render_page(
        request,
        "sighting.html",
        **sighting_context(services, sighting),
        readings=sightings.other_readings(services.engine, plate_id),
        history=reviews.history(services.engine, plate_id),
        others=others,
        dots=_timeline_dots(others, plate_id),
        said=said,
    )


@router.get("/marks/{mark}", dependencies=[RATE_LIMITED])
def show_mark(
    request: Request,
    services: ServicesDep,
    mark: Annotated[str, Path(max_length=200)],
    before: Annotated[str | None, Query(max_length=200)] = None,
    purpose: ShortText = "",
) -> HTMLResponse:
    """Shows the sightings of a mark as it was read or corrected, the newest first."""
    registered = canonical(mark)
    if not registered:
        raise HTTPException(404, "That is no mark; a mark has letters and digits, like AB1234")
    audit_trail.record(request, "search", {"mark": registered, "exact": True}, purpose or None)
    cursor = None if before is None else pagination.decode_time_cursor(before)
    found = sightings.sightings_of_mark(services.engine, registered, before=cursor, limit=PAGE_SIZE)
    more = len(found) == PAGE_SIZE
    return render_page(
        request,
        "mark.html",
        mark=registered,
        found=found,
        dots=_timeline_dots(found),
        before=before,
        earlier=pagination.encode_cursor(found[-1].cursor) if more else None,
    )


def sighting_context(services: Services, sighting: Sighting) -> dict[str, Any]:
    """Returns the template values that show a sighting on its photograph."""
    neighbours = sightings.neighbours(services.engine, sighting.plate_id)
    size = (sighting.width or 1, sighting.height or 1)
    outlines = [
        *(
            overlay.outline(one.quad, one.seen_text or "?", size, is_current=False)
            for one in neighbours
        ),
        overlay.outline(sighting.quad, sighting.seen_text or "?", size, is_current=True),
    ]
    letters, confidences = sighting.read_text.replace(" ", ""), sighting.character_confidences
    fits = len(letters) == len(confidences)
    return {
        "seen": sighting,
        "neighbours": neighbours,
        "outlines": outlines,
        "box": overlay.box_shares(sighting.quad, size),
        "characters": list(zip(letters, confidences, strict=True)) if fits else [],
        "unsure": UNSURE_BELOW,
    }


@dataclass(frozen=True, slots=True)
class TimelineDot:
    """A sighting on a timeline; `position` in percent of its length."""

    at: datetime
    position: float
    is_current: bool


def _timeline_dots(found: Sequence[Sighting], current_id: int | None = None) -> list[TimelineDot]:
    """Places the sightings whose time is known on a timeline, the earliest first."""
    timed = sorted((one.taken_at, one.plate_id) for one in found if one.taken_at is not None)
    if not timed:
        return []
    positions = overlay.timeline_positions([taken_at for taken_at, _ in timed])
    return [
        TimelineDot(taken_at, position, plate_id == current_id)
        for (taken_at, plate_id), position in zip(timed, positions, strict=True)
    ]
