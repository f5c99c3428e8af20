"""The review page: doubtful readings one by one, the least sure first, by keyboard or buttons."""

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from hkplates.database.queries.sightings import Sighting
from hkplates.database.reviews import reviews
from hkplates.database.reviews.corrections import reviewed_photographs
from hkplates.database.reviews.queue import count_remaining, review_queue
from hkplates.database.sighting_filter import SightingFilter
from hkplates.database.text import uri_or_key_prefix
from hkplates.recognition.marks import canonical
from hkplates.reporting.training_labels import json_line, training_label
from hkplates.time_ranges import TimeInvalid
from web import pagination
from web.auth import audit_trail
from web.auth.principal import ReviewerDep
from web.auth.throttle import RATE_LIMITED
from web.lookups import require_sighting
from web.pages.parameters import RowId
from web.pages.sighting import sighting_context
from web.services import ServicesDep
from web.templating import render_page
from web.time_bounds import parse_since, parse_until

router = APIRouter(include_in_schema=False)

Verdict = Literal["accepted", "corrected", "not_a_plate"]
MAX_CHOICES = 5
"""Candidates that are offered, each with a key of its own."""
TEXT_REQUIRED = "Type what is printed on it, or say that it is not a plate."


class FilterInvalid(ValueError):
    """A field of the queue's filter is malformed; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The queue's filter as typed into the form and kept in the URL.

    `after` is the cursor of the reading that the queue goes on after.
    """

    below: Annotated[str, Query(max_length=10)] = "0.8"
    submission: Annotated[str, Query(max_length=19)] = ""
    since: Annotated[str, Query(max_length=200)] = ""
    until: Annotated[str, Query(max_length=200)] = ""
    prefix: Annotated[str, Query(max_length=4096)] = ""
    after: Annotated[str, Query(max_length=100)] = ""

    @property
    def is_narrowed(self) -> bool:
        """Checks that the queue is filtered by more than confidence."""
        return bool(self.submission or self.since or self.until or self.prefix)

    @property
    def as_typed(self) -> dict[str, str]:
        """Returns the fields that were typed, which `after` is not."""
        return {name: value for name, value in asdict(self).items() if value and name != "after"}

    def link(self, path: str = "/review", **more: object) -> str:
        """Returns a URL that keeps the filter and adds more parameters."""
        parameters = {name: value for name, value in (asdict(self) | more).items() if value}
        return f"{path}?{urlencode(parameters)}"

    @property
    def cursor(self) -> pagination.ConfidenceCursor | None:
        """Decodes `after`; 404 if it is no cursor."""
        return pagination.decode_confidence_cursor(self.after) if self.after else None

    def parse(self) -> SightingFilter:
        """Returns what was typed as the database's filter, of Hong Kong plates alone.

        Raises:
            FilterInvalid: a confidence or a submission is no number.
            TimeInvalid: a time is none.
        """
        return SightingFilter(
            below=_parse_confidence(self.below),
            region="HK",
            submission=_parse_submission(self.submission),
            since=parse_since("From", self.since),
            until=parse_until("Until", self.until),
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
    """Shows the next doubtful reading, or that of `plate`; `last` is the one reviewed before it."""
    try:
        filters.parse()
        if filters.is_narrowed:
            audit_trail.record(request, "search", {"doubtful": True} | filters.as_typed)
        return _queue_page(request, services, filters, last, plate)
    except (FilterInvalid, TimeInvalid) as error:
        return _page(request, services, FilterForm(), wrong_filter=str(error), status=422)


@router.post("/review/{plate_id}")
def submit_review(
    request: Request,
    services: ServicesDep,
    filters: FilterFormDep,
    plate_id: RowId,
    reviewer: ReviewerDep,
    verdict: Annotated[Verdict, Form()],
    text: Annotated[str, Form(max_length=200)] = "",
    review: Annotated[int, Form(ge=0, lt=2**63)] = 0,
    last: Plate = None,
    back: Literal["queue", "sighting"] = "queue",
) -> Response:
    """Stores a review and shows the next reading.

    `review` is the id of the review that the reviewer's page showed; if another is current by now,
    nothing is stored and the reading is shown again.
    """
    sighting = require_sighting(services, plate_id)
    verdict, printed = _normalise_verdict(sighting, verdict, text)
    again = partial(
        _queue_page, request, services, filters, last, plate_id, back=back, typed=text or None
    )
    try:
        filters.parse()
        _ = filters.cursor  # both are checked before anything is stored
        if printed == "":
            return again(status=422, wrong=TEXT_REQUIRED)
        subject = {"plate": plate_id, "verdict": verdict, "mark": printed and canonical(printed)}
        audit_trail.record(request, "review", subject)
        reviews.record(
            services.engine, plate_id, verdict, text=printed, reviewer=reviewer.name, seen=review
        )
    except (FilterInvalid, TimeInvalid) as error:
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
    """Streams all reviews as training data, one JSON object a line."""
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
    """Builds the page of the reading of `plate`, or of the next doubtful one, and its links."""
    where = filters.parse()
    found = review_queue(services.engine, where, after=filters.cursor, limit=2)
    left, exact = count_remaining(services.engine, where)
    plate_id = plate or (found[0].plate_id if found else None)
    sighting = None if plate_id is None else require_sighting(services, plate_id)
    if sighting is not None:
        audit_trail.record(request, "sighting", {"plate": plate_id, "mark": sighting.mark})
    # Skipping a reading that is not the queue's next goes on with the queue as it is.
    skip = filters
    if found and found[0].plate_id == plate_id:
        skip = replace(filters, after=pagination.encode_cursor(found[0].cursor))
    return _page(
        request,
        services,
        filters,
        sighting=sighting,
        left=left,
        left_exact=exact,
        skip=skip.link(),
        last=last,
        next_plate=next((one.plate_id for one in found if one.plate_id != plate_id), None),
        **more,
    )


def _page(
    request: Request,
    services: ServicesDep,
    filters: FilterForm,
    *,
    status: int = 200,
    sighting: Sighting | None = None,
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
        "choices": [] if sighting is None else _candidate_choices(sighting),
        "post": sighting and filters.link(f"/review/{sighting.plate_id}", last=last, back=back),
        "restart": replace(filters, after="").link(),
    }
    context = {"seen": None} if sighting is None else sighting_context(services, sighting)
    return render_page(request, "review.html", status=status, **{**values, **context, **more})


def _normalise_verdict(
    sighting: Sighting, verdict: Verdict, text: str
) -> tuple[Verdict, str | None]:
    """Returns the verdict and the printed text; a correction to the text as read accepts it.

    The latter also where it is typed without blanks.
    """
    if verdict != "corrected":
        return verdict, None
    printed = " ".join(text.upper().split())
    if printed and printed in (sighting.read_text, sighting.read_text.replace(" ", "")):
        return "accepted", None
    return verdict, printed


def _candidate_choices(sighting: Sighting) -> list[dict[str, Any]]:
    """Returns the surest candidates of another mark than the one that was read."""
    others = [one for one in sighting.candidates if canonical(one["text"]) != sighting.read_mark]
    return others[:MAX_CHOICES]


def _parse_confidence(text: str) -> float:
    try:
        confidence = float(text)
    except ValueError:
        confidence = -1
    if not 0 < confidence <= 1:
        raise FilterInvalid("Less sure than: expected a number from 0 to 1, like 0.8")
    return pagination.round_to_real(confidence)


def _parse_submission(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdigit() or int(text) >= 2**63:
        raise FilterInvalid("Submission: expected its number, like 3")
    return int(text)
