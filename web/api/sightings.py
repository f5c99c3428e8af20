"""API endpoints of the search, of sightings and of pictures. Their docstrings are the OpenAPI
document's."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from hkplates.database.queries import mark_search, sightings
from hkplates.database.queries.mark_search import MarkQuery, PatternInvalid
from hkplates.database.reviews import reviews
from hkplates.database.sighting_filter import SightingFilter
from hkplates.database.text import uri_or_key_prefix
from hkplates.errors import ImageRejected, SourceError
from hkplates.recognition.marks import canonical
from web import pagination
from web.api import models
from web.api.parameters import (
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
from web.auth.throttle import RATE_LIMITED
from web.lookups import require_sighting
from web.pictures.render import PictureRenderer, PictureRequest, Size
from web.pictures.responses import (
    CACHE_CONTROL,
    NO_SUCH_PHOTOGRAPH,
    describe_rejection,
    run_in_picture_thread,
)
from web.services import ServicesDep

router = APIRouter(tags=["Sightings"])

Mark = Annotated[str, Query(min_length=1, max_length=64, description="? is one character, * any.")]
JPEG = {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}


@router.get("/search", dependencies=[RATE_LIMITED], responses=problem_responses(401, 422, 429, 503))
def search(
    request: Request,
    services: ServicesDep,
    mark: Mark,
    since: Since = None,
    until: Until = None,
    prefix: Prefix = None,
    exact: Annotated[
        bool, Query(description="Only plates read just so, or corrected to it by a person.")
    ] = False,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most sightings.")] = 50,
    purpose: Purpose = None,
) -> models.Matches:
    """A mark, or half a mark, also where it was misread, the likeliest first."""
    first, end = time_bounds(since, until)
    where = SightingFilter(since=first, until=end, prefix=uri_or_key_prefix(prefix))
    query = MarkQuery(mark, where, limit=limit, look_alikes=not exact)
    given = {"mark": mark, "since": since, "until": until, "prefix": prefix, "exact": exact}
    subject = {key: value for key, value in given.items() if value}
    audit_trail.record(request, "search", subject, purpose)
    try:
        found = mark_search.search(services.engine, query)
    except PatternInvalid as error:
        raise HTTPException(422, str(error)) from None
    matches = [models.Match.model_validate(match) for match in found.found]
    return models.Matches(pattern=mark, limit=limit, note=found.note, sightings=matches)


@router.get("/sightings/{plate_id}", responses=problem_responses(401, 404, 422, 503))
def one(
    request: Request, services: ServicesDep, plate_id: Number, purpose: Purpose = None
) -> models.SightingWhole:
    """Everything about one plate on one photograph."""
    sighting = require_sighting(services, plate_id)
    audit_trail.record(request, "sighting", {"plate": plate_id, "mark": sighting.mark}, purpose)
    related = {
        "neighbours": sightings.neighbours(services.engine, plate_id),
        "other_readings": sightings.other_readings(services.engine, plate_id),
        "history": reviews.history(services.engine, plate_id),
    }
    fields = models.Sighting.model_validate(sighting).model_dump()
    return models.SightingWhole.model_validate(fields | related)


@router.get(
    "/marks/{mark}/sightings",
    dependencies=[RATE_LIMITED],
    responses=problem_responses(401, 404, 422, 429, 503),
)
def of_mark(
    request: Request,
    services: ServicesDep,
    mark: Annotated[str, Path(min_length=1, max_length=64)],
    limit: Limit = 50,
    cursor: TextCursor = None,
    incomplete: Annotated[
        bool, Query(description="Also plates of which just so much is seen.")
    ] = False,
    purpose: Purpose = None,
) -> models.Sightings:
    """The sightings of a mark as it is read today, the newest first."""
    registered = canonical(mark)
    if not registered:
        raise HTTPException(404, "That is no mark; a mark has letters and digits, like AB1234")
    before = None if cursor is None else pagination.decode_time_cursor(cursor)
    audit_trail.record(request, "search", {"mark": registered, "exact": True}, purpose)
    found = sightings.sightings_of_mark(
        services.engine, registered, before=before, limit=limit + 1, incomplete=incomplete
    )
    items = [models.Sighting.model_validate(row) for row in found[:limit]]
    next_cursor = pagination.encode_cursor(found[limit - 1].cursor) if len(found) > limit else None
    return models.Sightings(mark=registered, items=items, next=next_cursor)


@router.get(
    "/sightings/{plate_id}/crop",
    response_class=Response,
    responses={200: JPEG, **problem_responses(401, 403, 404, 409, 410, 422, 502, 503)},
)
async def crop(request: Request, services: ServicesDep, plate_id: Number) -> Response:
    """The plate cut out of its photograph, as if seen straight on."""
    return await _picture(request, services.pictures, lambda: services.pictures.plate(plate_id))


@router.get(
    "/images/{image_id}/photo",
    response_class=Response,
    responses={200: JPEG, **problem_responses(401, 403, 404, 409, 410, 422, 502, 503)},
)
async def photo(
    request: Request, services: ServicesDep, image_id: Number, size: Size = "page"
) -> Response:
    """The photograph, upright, as JPEG."""

    def find_and_record() -> PictureRequest | None:
        picture = services.pictures.photograph(image_id, size)
        if picture is not None:
            audit_trail.record_photograph(request, image_id, size)
        return picture

    return await _picture(request, services.pictures, find_and_record)


async def _picture(
    request: Request, pictures: PictureRenderer, find: Callable[[], PictureRequest | None]
) -> Response:
    jpeg = await run_in_picture_thread(request, lambda: _jpeg(pictures, find()))
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": CACHE_CONTROL})


def _jpeg(pictures: PictureRenderer, picture: PictureRequest | None) -> bytes:
    if picture is None:
        raise HTTPException(404, NO_SUCH_PHOTOGRAPH)
    try:
        return pictures.jpeg(picture)
    except ImageRejected as error:
        raise HTTPException(*describe_rejection(error)) from None
    except SourceError:
        detail = "The store of the photographs does not let this page in"
        raise HTTPException(502, detail) from None
