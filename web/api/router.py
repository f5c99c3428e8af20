"""The API: its rooms put together under /api/v1, and the document that describes them."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from web.api import reviews, sightings, submissions
from web.errors import Problem

DOCUMENT = "/api/openapi.json"
DESCRIPTION = """\
What was read, and how far reading is. The same as the pages show; where nobody logs in, anybody on
that machine may ask.

Send a token, which `hkplates web-token NAME` makes: `Authorization: Bearer TOKEN`. A reader's sees,
a reviewer's also reviews. Whatever goes wrong is a problem document (RFC 9457) that says what to
do. Lists come in pages: give `next` as `cursor`. Searches, opened sightings, the queue of reviews
and photographs in full are kept in the audit, with `purpose` where you give one."""

_token = HTTPBearer(
    scheme_name="token",
    description="What `hkplates web-token NAME` printed.",
    auto_error=False,  # the gate has looked at it
)


def api() -> APIRouter:
    """Everything under /api."""
    router = APIRouter(prefix="/api/v1", dependencies=[Security(_token)])
    for room in (submissions, sightings, reviews):
        router.include_router(room.router)
    outside = APIRouter()
    outside.include_router(router)
    outside.add_api_route(DOCUMENT, _document, include_in_schema=False)
    return outside


def _document(request: Request) -> JSONResponse:
    return JSONResponse(document(request.app))


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document."""
    made = app.openapi()
    schemas = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    known = made["components"]["schemas"]
    known.update(schemas.pop("$defs"))
    known["Problem"] = schemas
    return made
