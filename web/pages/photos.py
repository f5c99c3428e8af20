"""Serves photographs and crops of plates as JPEG.

A photograph that cannot be shown is answered with a placeholder: a picture of the reason, with the
status that fits it.
"""

import textwrap
from collections.abc import Callable
from typing import Annotated

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Header, Request
from fastapi.responses import Response

from hkplates.errors import ImageRejected, TemporaryFault
from web.auth import audit_trail
from web.pages.parameters import RowId
from web.pictures.render import PictureRenderer, PictureRequest, Size
from web.pictures.responses import (
    CACHE_CONTROL,
    NO_SUCH_PHOTOGRAPH,
    describe_rejection,
    run_in_picture_thread,
)
from web.services import ServicesDep
from web.templating import render_template

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=200)]

DATABASE_UNAVAILABLE = "The page cannot ask its database just now"
PLACEHOLDER_LINE_LENGTH = 34
"""Characters of a placeholder's line."""


@router.get("/photos/{image_id}")
async def photograph(
    request: Request,
    services: ServicesDep,
    image_id: RowId,
    size: Size = "page",
    known: IfNoneMatch = None,
) -> Response:
    """Serves a photograph, upright, as JPEG."""

    def find_and_record() -> PictureRequest | None:
        found = services.pictures.photograph(image_id, size)
        if found is not None:
            audit_trail.record_photograph(request, image_id, size)
        return found

    return await run_in_picture_thread(
        request, lambda: _picture_response(services.pictures, find_and_record, known)
    )


@router.get("/plates/{plate_id}/crop")
async def crop(
    request: Request, services: ServicesDep, plate_id: RowId, known: IfNoneMatch = None
) -> Response:
    """Serves a plate cut out of its photograph, rectified; a page has many, so none is recorded."""
    return await run_in_picture_thread(
        request,
        lambda: _picture_response(
            services.pictures, lambda: services.pictures.plate(plate_id), known
        ),
    )


def _picture_response(
    pictures: PictureRenderer, find: Callable[[], PictureRequest | None], known: str | None
) -> Response:
    """Builds the response with the picture that `find` returns, or with a placeholder.

    `known`: the ETags that the browser has, whose picture it is not sent again.
    """
    try:
        picture = find()
    except (TemporaryFault, sa.exc.TimeoutError) as error:
        log.warning("picture_failed", error=str(error))
        return placeholder(503, DATABASE_UNAVAILABLE)
    if picture is None:
        return placeholder(404, NO_SUCH_PHOTOGRAPH)
    headers = {"ETag": f'"{picture.cache_key}"', "Cache-Control": CACHE_CONTROL}
    if known is not None and headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    try:
        return Response(pictures.jpeg(picture), media_type="image/jpeg", headers=headers)
    except ImageRejected as error:
        return placeholder(*describe_rejection(error))
    except TemporaryFault as error:
        log.warning("picture_failed", image=picture.image_id, error=str(error))
        return placeholder(503, "The store of the photographs does not serve this page just now")
    except MemoryError:
        log.warning("picture_failed", image=picture.image_id, error="not enough memory")
        return placeholder(503, "There is not enough memory to show it just now")


def placeholder(status: int, text: str) -> Response:
    """Builds a response with a grey picture of a text, as SVG."""
    lines = textwrap.wrap(text, PLACEHOLDER_LINE_LENGTH)
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "15"
    svg = render_template("placeholder.svg", lines=lines)
    return Response(svg, status, headers, media_type="image/svg+xml")
