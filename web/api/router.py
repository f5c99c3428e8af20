"""Assembles the API's endpoints under /api/v1, and serves their OpenAPI document."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from web.api import reviews, sightings, submissions
from web.errors import FIELD_ERROR_SCHEMA, Problem

OPENAPI_PATH = "/api/openapi.json"
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
    auto_error=False,  # the gate has checked it
)


def build_router() -> APIRouter:
    """Builds the router of everything under /api."""
    version = APIRouter(prefix="/api/v1", dependencies=[Security(_token)])
    for module in (submissions, sightings, reviews):
        version.include_router(module.router)
    root = APIRouter()
    root.include_router(version)
    root.add_api_route(OPENAPI_PATH, _openapi, include_in_schema=False)
    return root


def _openapi(request: Request) -> JSONResponse:
    return JSONResponse(openapi_document(request.app))


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Builds the OpenAPI document of an application, with the schemas of its problem documents."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema()
    [schemas[FIELD_ERROR_SCHEMA]] = problem.pop("$defs").values()
    errors = problem["properties"]["errors"]
    errors["items"] = {"$ref": f"#/components/schemas/{FIELD_ERROR_SCHEMA}"}
    schemas["Problem"] = problem
    return document
