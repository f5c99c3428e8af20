"""Pictures: photographs and plates, streamed from where they lie. A photograph that cannot be shown
is a picture too, with the reason in words and the status that fits it."""

import textwrap
from collections.abc import Callable
from typing import Annotated

import sqlalchemy as sa
import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import Response

from hkplates.errors import ImageRejected, TemporaryFault
from web.auth import audit_trail
from web.display import REASONS
from web.pictures.render import PictureRenderer, PictureRequest, Size
from web.services import ServicesDep
from web.templating import render_template

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()

Number = Annotated[int, Path(ge=1, lt=2**63)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=200)]

MAX_PICTURE_THREADS = 4
"""Pictures that are fetched or made at once; others wait, and the pages do not wait for them."""
CACHE_CONTROL = "private, max-age=86400"
"""A picture of one content of one photograph never changes."""
STATUS_BY_REASON = {"missing": 404, "changed": 410, "forbidden": 403, "archived": 409}
UNREADABLE_STATUS = 422
DATABASE_UNAVAILABLE = "The page cannot ask its database just now"
PLACEHOLDER_LINE_LENGTH = 34
"""Characters of a placeholder's line."""


@router.get("/photos/{image_id}")
async def photograph(
    request: Request,
    services: ServicesDep,
    image_id: Number,
    size: Size = "page",
    known: IfNoneMatch = None,
) -> Response:
    """A photograph, upright, as JPEG."""

    def choose(pictures: PictureRenderer) -> PictureRequest | None:
        return pictures.photograph(image_id, size)

    def seen() -> None:
        record_photograph(request, image_id, size)

    return await _in_picture_thread(
        request, lambda: _picture_response(services.pictures, choose, known, seen)
    )


@router.get("/plates/{plate_id}/crop")
async def crop(
    request: Request, services: ServicesDep, plate_id: Number, known: IfNoneMatch = None
) -> Response:
    """A plate cut out of its photograph, as if seen straight on."""

    def choose(pictures: PictureRenderer) -> PictureRequest | None:
        return pictures.plate(plate_id)

    def seen() -> None:
        """Nothing is noted: a page has many of them."""

    return await _in_picture_thread(
        request, lambda: _picture_response(services.pictures, choose, known, seen)
    )


def record_photograph(request: Request, image_id: int, size: Size) -> None:
    """Note that a photograph is shown in full; of a thumbnail, of which a page has many, nothing.

    Raises:
        TemporaryFault: it could not be noted; do not show it.
    """
    if size != "thumbnail":
        audit_trail.record(request, "photograph", {"image": image_id})


async def _in_picture_thread(request: Request, answer: Callable[[], Response]) -> Response:
    # Threads of their own: a page full of pictures must not hold up other people's pages.
    threads: CapacityLimiter = request.app.state.picture_threads
    return await to_thread.run_sync(answer, limiter=threads)


def _picture_response(
    pictures: PictureRenderer,
    choose: Callable[[PictureRenderer], PictureRequest | None],
    known: str | None,
    seen: Callable[[], None],
) -> Response:
    """The picture that is chosen; `seen` is called before it is shown."""
    try:
        wanted = choose(pictures)
        if wanted is not None:
            seen()
    except (TemporaryFault, sa.exc.TimeoutError) as error:
        log.warning("picture_failed", error=str(error))
        return placeholder(503, DATABASE_UNAVAILABLE)
    if wanted is None:
        return placeholder(404, "There is no such photograph")
    headers = {"ETag": f'"{wanted.cache_key}"', "Cache-Control": CACHE_CONTROL}
    if known is not None and headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    try:
        return Response(pictures.jpeg(wanted), media_type="image/jpeg", headers=headers)
    except ImageRejected as error:
        status = STATUS_BY_REASON.get(error.reason, UNREADABLE_STATUS)
        return placeholder(status, REASONS.get(error.reason, "It cannot be shown"))
    except TemporaryFault as error:
        log.warning("picture_failed", image=wanted.image_id, error=str(error))
        return placeholder(503, "The store of the photographs does not serve this page just now")
    except MemoryError:
        log.warning("picture_failed", image=wanted.image_id, error="not enough memory")
        return placeholder(503, "There is not enough memory to show it just now")


def placeholder(status: int, words: str) -> Response:
    """A picture of some words."""
    lines = textwrap.wrap(words, PLACEHOLDER_LINE_LENGTH)
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "15"
    drawn = render_template("placeholder.svg", lines=lines)
    return Response(drawn, status, headers, media_type="image/svg+xml")
