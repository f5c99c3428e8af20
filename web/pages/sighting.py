"""One sighting: the photograph behind a reading, how sure it is, and what else was seen."""

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
from web.pictures import overlay
from web.services import Services, ServicesDep
from web.templating import render_page

router = APIRouter(include_in_schema=False)

Number = Annotated[int, Path(ge=1, lt=2**63)]
Text = Annotated[str, Query(max_length=200)]

UNSURE_BELOW = 0.8
"""A character that is less sure is shown as such."""
MAX_BESIDE_SIGHTING, PAGE_SIZE = 24, 100
"""Other sightings of the mark: beside one sighting, and on a page of their own."""


@router.get("/sightings/{plate_id}")
def show_sighting(
    request: Request, services: ServicesDep, plate_id: Number, purpose: Text = "", said: Text = ""
) -> HTMLResponse:
    """Everything about one plate on one photograph."""
    seen = require_sighting(services, plate_id)
    audit_trail.record(request, "sighting", {"plate": plate_id, "mark": seen.mark}, purpose or None)
    others = (
        []
        if not seen.mark
        else sightings.sightings_of_mark(services.engine, seen.mark, limit=MAX_BESIDE_SIGHTING)
    )
    return render_page(
        request,
        "sighting.html",
        **sighting_context(services, seen),
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
    purpose: Text = "",
) -> HTMLResponse:
    """The sightings of a mark as it was read, the newest first."""
    asked = canonical(mark)
    if not asked:
        raise HTTPException(404, "That is no mark; a mark has letters and digits, like AB1234")
    audit_trail.record(request, "search", {"mark": asked, "exact": True}, purpose or None)
    seen = None if before is None else pagination.decode_time_cursor(before)
    found = sightings.sightings_of_mark(services.engine, asked, before=seen, limit=PAGE_SIZE)
    more = len(found) == PAGE_SIZE
    return render_page(
        request,
        "mark.html",
        mark=asked,
        found=found,
        dots=_timeline_dots(found),
        before=before,
        earlier=pagination.encode_cursor(found[-1].cursor) if more else None,
    )


def require_sighting(services: Services, plate_id: int) -> Sighting:
    """The sighting of a number; 404 where there is none."""
    seen = sightings.find_sighting(services.engine, plate_id)
    if seen is None:
        raise HTTPException(404, f"There is no sighting {plate_id}")
    return seen


def sighting_context(services: Services, seen: Sighting) -> dict[str, Any]:
    """What the templates need to show a sighting on its photograph."""
    neighbours = sightings.neighbours(services.engine, seen.plate_id)
    size = (seen.width or 1, seen.height or 1)
    outlines = [
        *(overlay.outline(one.quad, one.text or "?", size, is_current=False) for one in neighbours),
        overlay.outline(seen.quad, seen.text or "?", size, is_current=True),
    ]
    letters = seen.read_text.replace(" ", "")
    fits = len(letters) == len(seen.character_confidences)
    return {
        "seen": seen,
        "neighbours": neighbours,
        "outlines": outlines,
        "box": overlay.box_shares(seen.quad, size),
        "characters": list(zip(letters, seen.character_confidences, strict=True)) if fits else [],
        "unsure": UNSURE_BELOW,
    }


@dataclass(frozen=True, slots=True)
class TimelineDot:
    """A sighting on a line of time; `place` in percent of its length."""

    at: datetime
    position: float
    is_current: bool


def _timeline_dots(found: Sequence[Sighting], current_id: int | None = None) -> list[TimelineDot]:
    """The sightings whose time is known, the earliest first."""
    timed = sorted((one.taken_at, one.plate_id) for one in found if one.taken_at is not None)
    if not timed:
        return []
    along = overlay.timeline_positions([moment for moment, _ in timed])
    return [
        TimelineDot(moment, place, number == current_id)
        for (moment, number), place in zip(timed, along, strict=True)
    ]
