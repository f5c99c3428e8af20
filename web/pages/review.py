"""Review: the doubtful readings one at a time, the least sure first, by keyboard or by buttons."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from hkplates import time_ranges
from hkplates.database.queries.sightings import Sighting
from hkplates.database.reviews import reviews
from hkplates.database.reviews.corrections import reviewed_photographs
from hkplates.database.reviews.queue import count_remaining, review_queue
from hkplates.database.sighting_filter import SightingFilter
from hkplates.database.text import uri_or_key_prefix
from hkplates.recognition.marks import canonical
from hkplates.reporting.training_labels import json_line, training_label
from web import pagination
from web.auth import audit_trail
from web.auth.principal import ReviewerDep
from web.auth.throttle import RATE_LIMITED
from web.pages.sighting import require_sighting, sighting_context
from web.services import ServicesDep
from web.templating import render_page

router = APIRouter(include_in_schema=False)

Number = Annotated[int, Path(ge=1, lt=2**63)]
Verdict = Literal["accepted", "corrected", "not_a_plate"]
MAX_CHOICES = 5
"""Candidates that have a key of their own."""
TEXT_REQUIRED = "Type what is printed on it, or say that it is not a plate."


class FilterInvalid(ValueError):
    """What narrows the queue cannot be understood; the message says what can."""


@dataclass(frozen=True, slots=True)
class FilterForm:
    """Which readings are reviewed, as they stand in the address; `after` is where the queue is."""

    below: Annotated[str, Query(max_length=10)] = "0.8"
    submission: Annotated[str, Query(max_length=19)] = ""
    since: Annotated[str, Query(max_length=200)] = ""
    until: Annotated[str, Query(max_length=200)] = ""
    prefix: Annotated[str, Query(max_length=4096)] = ""
    after: Annotated[str, Query(max_length=100)] = ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.submission or self.since or self.until or self.prefix)

    @property
    def as_typed(self) -> dict[str, str]:
        """What was typed; where the queue is was not."""
        return {name: value for name, value in asdict(self).items() if value and name != "after"}

    def link(self, path: str = "/review", **more: object) -> str:
        """An address with these in it."""
        named = {name: value for name, value in (asdict(self) | more).items() if value}
        return f"{path}?{urlencode(named)}"

    @property
    def cursor(self) -> pagination.ConfidenceCursor | None:
        return pagination.decode_confidence_cursor(self.after) if self.after else None

    def parse(self) -> SightingFilter:
        """Returns what was typed as the database's filter, of Hong Kong plates alone.

        Raises:
            FilterInvalid: what was typed is no number or no time.
        """
        return SightingFilter(
            below=_parse_confidence(self.below),
            region="HK",
            submission=_parse_submission(self.submission),
            since=_parse_time("From", self.since, 0),
            until=_parse_time("Until", self.until, 1),
            prefix=uri_or_key_prefix(self.prefix),
        )


FilterFormDep = Annotated[FilterForm, Depends()]
Plate = Annotated[int | None, Query(ge=1, lt=2**63)]


@router.get("/review", dependencies=[RATE_LIMITED])
def show_queue(
    request: Request,
    services: ServicesDep,
    filters: FilterFormDep,
    last: Plate = None,
    plate: Plate = None,
) -> Response:
    """The next doubtful reading, or the one of a number. `last` was reviewed just before."""
    try:
        filters.parse()
        if filters.is_narrowed:
            audit_trail.record(request, "search", {"doubtful": True} | filters.as_typed)
        return _queue_page(request, services, filters, last, plate)
    except FilterInvalid as error:
        return _page(request, services, FilterForm(), wrong_filter=str(error), status=422)


@router.post("/review/{plate_id}")
def submit_review(
    request: Request,
    services: ServicesDep,
    filters: FilterFormDep,
    plate_id: Number,
    person: ReviewerDep,
    verdict: Annotated[Verdict, Form()],
    text: Annotated[str, Form(max_length=200)] = "",
    review: Annotated[int, Form(ge=0, lt=2**63)] = 0,
    last: Plate = None,
    back: Literal["queue", "sighting"] = "queue",
) -> Response:
    """Keep what a person says of a reading, and show the next.

    `review` is the number of the review that their page showed; where another is current by now,
    they are asked again.
    """
    seen = require_sighting(services, plate_id)
    verdict, printed = _normalise_verdict(seen, verdict, text)
    again = partial(
        _queue_page, request, services, filters, last, plate_id, back=back, typed=text or None
    )
    try:
        filters.parse()
        _ = filters.cursor  # both are read before anything is kept
        if printed == "":
            return again(status=422, wrong=TEXT_REQUIRED)
        subject = {"plate": plate_id, "verdict": verdict, "mark": printed and canonical(printed)}
        audit_trail.record(request, "review", subject)
        reviews.record(
            services.engine, plate_id, verdict, text=printed, reviewer=person.name, seen=review
        )
    except FilterInvalid as error:
        raise HTTPException(422, str(error)) from None
    except reviews.PlateUnknown as error:
        raise HTTPException(404, str(error)) from None
    except reviews.ReviewInvalid as error:
        return again(status=422, wrong=str(error))
    except reviews.ReviewOutdated:
        return again(status=409, meanwhile=True)
    if back == "sighting":
        return RedirectResponse(f"/sightings/{plate_id}?said=reviewed", 303)
    return RedirectResponse(filters.link(last=plate_id), 303)


@router.get("/review/corrections.jsonl")
def download(request: Request, services: ServicesDep, _: ReviewerDep) -> Response:
    """All reviews, as training data: one JSON object a line."""
    audit_trail.record(request, "export", {"what": "corrections"})
    lines = (
        json_line(training_label(plates)) for plates in reviewed_photographs(services.slow_engine)
    )
    headers = {"Content-Disposition": 'attachment; filename="corrections.jsonl"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


def _queue_page(
    request: Request,
    services: ServicesDep,
    filters: FilterForm,
    last: int | None,
    plate: int | None,
    **more: Any,
) -> Response:
    """The reading of a number, or else the next doubtful one, and what comes before and after."""
    where = filters.parse()
    found = review_queue(services.engine, where, after=filters.cursor, limit=2)
    left, exact = count_remaining(services.engine, where)
    number = plate or (found[0].plate_id if found else None)
    seen = None if number is None else require_sighting(services, number)
    if seen is not None:
        audit_trail.record(request, "sighting", {"plate": seen.plate_id, "mark": seen.mark})
    # A reading from elsewhere is left behind by going on where the queue is.
    first = bool(found) and found[0].plate_id == number
    skip = replace(filters, after=pagination.encode_cursor(found[0].cursor)) if first else filters
    return _page(
        request,
        services,
        filters,
        seen=seen,
        left=left,
        left_exact=exact,
        skip=skip.link(),
        last=last,
        next_plate=next((one.plate_id for one in found if one.plate_id != number), None),
        **more,
    )


def _page(
    request: Request,
    services: ServicesDep,
    filters: FilterForm,
    *,
    status: int = 200,
    seen: Sighting | None = None,
    last: int | None = None,
    back: str = "queue",
    **more: object,
) -> Response:
    values: dict[str, object] = {
        "filters": filters,
        "left": 0,
        "left_exact": True,
        "skip": None,
        "undo": filters.link(plate=last) if last else None,
        "next_plate": None,
        "wrong": None,
        "meanwhile": False,
        "typed": None,
        "wrong_filter": None,
        "choices": [] if seen is None else _candidate_choices(seen),
        "post": seen and filters.link(f"/review/{seen.plate_id}", last=last, back=back),
        "restart": replace(filters, after="").link(),
    }
    drawn = {"seen": None} if seen is None else sighting_context(services, seen)
    return render_page(request, "review.html", status=status, **{**values, **drawn, **more})


def _normalise_verdict(seen: Sighting, verdict: Verdict, text: str) -> tuple[Verdict, str | None]:
    """A correction to what was read already accepts it, also where it is typed without blanks."""
    if verdict != "corrected":
        return verdict, None
    printed = " ".join(text.upper().split())
    if printed and printed in (seen.read_text, seen.read_text.replace(" ", "")):
        return "accepted", None
    return verdict, printed


def _candidate_choices(seen: Sighting) -> list[dict[str, Any]]:
    """Candidates that are not what was read; those of the surest, a key for each."""
    others = [one for one in seen.candidates if canonical(one["text"]) != seen.read_mark]
    return others[:MAX_CHOICES]


def _parse_confidence(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 < share <= 1:
        raise FilterInvalid("Less sure than: expected a number from 0 to 1, like 0.8")
    return pagination.round_to_real(share)


def _parse_submission(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdigit() or int(text) >= 2**63:
        raise FilterInvalid("Submission: expected its number, like 3")
    return int(text)


def _parse_time(name: str, text: str, end: int) -> datetime | None:
    if not text.strip():
        return None
    try:
        return time_ranges.parse_time_range(text)[end]
    except time_ranges.TimeInvalid as error:
        raise FilterInvalid(f"{name}: {error}") from None
