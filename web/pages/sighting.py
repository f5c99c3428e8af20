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
from web import pagination as cursors
from web.auth.audit_trail import note
from web.auth.throttle import UNHURRIED
from web.pictures import overlay as drawing
from web.services import Held, Services
from web.templating import page

router = APIRouter(include_in_schema=False)

Number = Annotated[int, Path(ge=1, lt=2**63)]
Text = Annotated[str, Query(max_length=200)]

UNSURE = 0.8
"""A character that is less sure is shown as such."""
AROUND, ON_A_PAGE = 24, 100
"""Other sightings of the mark: beside one sighting, and on a page of their own."""


@router.get("/sightings/{plate_id}")
def one(
    request: Request, held: Held, plate_id: Number, purpose: Text = "", said: Text = ""
) -> HTMLResponse:
    """Everything about one plate on one photograph."""
    seen = require_sighting(held, plate_id)
    note(request, "sighting", {"plate": plate_id, "mark": seen.mark}, purpose or None)
    others = (
        [] if not seen.mark else sightings.sightings_of_mark(held.engine, seen.mark, limit=AROUND)
    )
    return page(
        request,
        "sighting.html",
        **shown(held, seen),
        readings=sightings.other_readings(held.engine, plate_id),
        history=reviews.history(held.engine, plate_id),
        others=others,
        dots=_dots(others, plate_id),
        said=said,
    )


@router.get("/marks/{mark}", dependencies=[UNHURRIED])
def of_mark(
    request: Request,
    held: Held,
    mark: Annotated[str, Path(max_length=200)],
    before: Annotated[str | None, Query(max_length=200)] = None,
    purpose: Text = "",
) -> HTMLResponse:
    """The sightings of a mark as it was read, the newest first."""
    asked = canonical(mark)
    if not asked:
        raise HTTPException(404, "That is no mark; a mark has letters and digits, like AB1234")
    note(request, "search", {"mark": asked, "exact": True}, purpose or None)
    seen = None if before is None else cursors.seen(before)
    found = sightings.sightings_of_mark(held.engine, asked, before=seen, limit=ON_A_PAGE)
    more = len(found) == ON_A_PAGE
    return page(
        request,
        "mark.html",
        mark=asked,
        found=found,
        dots=_dots(found),
        before=before,
        earlier=cursors.text(found[-1].cursor) if more else None,
    )


def require_sighting(held: Services, plate_id: int) -> Sighting:
    """The sighting of a number; 404 where there is none."""
    seen = sightings.find_sighting(held.engine, plate_id)
    if seen is None:
        raise HTTPException(404, f"There is no sighting {plate_id}")
    return seen


def shown(held: Services, seen: Sighting) -> dict[str, Any]:
    """What the templates need to show a sighting on its photograph."""
    neighbours = sightings.neighbours(held.engine, seen.plate_id)
    size = (seen.width or 1, seen.height or 1)
    outlines = [
        *(drawing.outline(one.quad, one.text or "?", size, this=False) for one in neighbours),
        drawing.outline(seen.quad, seen.text or "?", size, this=True),
    ]
    letters = seen.read_text.replace(" ", "")
    fits = len(letters) == len(seen.character_confidences)
    return {
        "seen": seen,
        "neighbours": neighbours,
        "outlines": outlines,
        "box": drawing.box_shares(seen.quad, size),
        "characters": list(zip(letters, seen.character_confidences, strict=True)) if fits else [],
        "unsure": UNSURE,
    }


@dataclass(frozen=True, slots=True)
class Dot:
    """A sighting on a line of time; `place` in percent of its length."""

    at: datetime
    place: float
    this: bool


def _dots(found: Sequence[Sighting], this: int | None = None) -> list[Dot]:
    """The sightings whose time is known, the earliest first."""
    timed = sorted((one.taken_at, one.plate_id) for one in found if one.taken_at is not None)
    if not timed:
        return []
    along = drawing.places([moment for moment, _ in timed])
    return [
        Dot(moment, place, number == this)
        for (moment, number), place in zip(timed, along, strict=True)
    ]
