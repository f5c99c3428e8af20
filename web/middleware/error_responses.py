"""Builds the response of every error: under /api a problem document, elsewhere a page.

Both say in words what went wrong and what to do, and never show a traceback.
"""

from collections.abc import Mapping
from http import HTTPStatus

import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hkplates.errors import TemporaryFault
from web.errors import PROBLEM, WHAT_TO_DO, FieldError, Problem, RetryLater
from web.templating import render_page

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 10
"""Value of Retry-After with status 503."""
HEADINGS = {
    400: "This request is not in order",
    401: "Log in first",
    403: "You may not do that",
    404: "There is nothing here",
    405: "That cannot be done here",
    408: "That took too long to arrive",
    413: "That is too much at once",
    422: "Some values cannot be used",
    429: "That was asked too often",
    500: "Something went wrong here",
    503: "That cannot be done just now",
}
"""Headings of error pages; a problem's title is the status's phrase of HTTP."""
DATABASE_UNAVAILABLE = "This page needs a service that is away: the database"


def wants_json(request: Request) -> bool:
    """Checks that a program asks, and not a browser."""
    return str(request.scope["path"]).startswith("/api/")


def error_response(
    request: Request,
    status: int,
    detail: str = "",
    *,
    heading: str = "",
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Builds the response of a status, as a page (under `heading`) or as a problem document.

    Without `detail` it says what is to be done about the status.
    """
    title = _title(status)
    detail = detail if detail and detail != title else WHAT_TO_DO.get(status, title)
    problem = Problem(title=title, status=status, detail=detail, errors=errors or [])
    response: Response
    if wants_json(request):
        response = JSONResponse(problem.model_dump(), status, media_type=PROBLEM)
    else:
        heading = heading or HEADINGS.get(status, title)
        response = render_page(
            request, "error.html", status=status, heading=heading, problem=problem
        )
    response.headers.update(headers or {})
    return response


def install_error_handlers(app: FastAPI) -> None:
    """Installs the handlers of HTTP errors, invalid requests and temporary faults."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(TemporaryFault, _service_unavailable)
    app.add_exception_handler(
        sa.exc.TimeoutError, _service_unavailable
    )  # all connections are in use


class UnhandledErrors:
    """Middleware that logs an unhandled exception and answers 500; inside the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def note_start_and_send(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, note_start_and_send)
        except Exception:
            if scope["type"] != "http" or has_started:
                raise
            log.exception("page_failed", method=scope["method"], path=_route_pattern(scope))
            await error_response(Request(scope), 500)(scope, receive, send)


def _route_pattern(scope: Scope) -> str:
    """Returns the path as a pattern, like /marks/{mark}: the path itself may hold a mark."""
    if "route" not in scope:
        return "elsewhere"
    named = {str(value): f"{{{name}}}" for name, value in scope["path_params"].items()}
    return "/".join(named.get(part, part) for part in str(scope["path"]).split("/"))


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    return error_response(request, error.status_code, str(error.detail), headers=error.headers)


def _invalid_request(request: Request, error: Exception) -> Response:
    """Answers 422 with what was expected of each value; never the value, which logs might keep."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    fields = [
        FieldError(where=".".join(map(str, one["loc"])), what=str(one["msg"]))
        for one in error.errors()
    ]
    detail = "; ".join(f"{field.where}: {field.what}" for field in fields)
    return error_response(request, 422, detail, errors=fields)


def _service_unavailable(request: Request, error: Exception) -> Response:
    log.warning("service_away", path=_route_pattern(request.scope), error=str(error))
    is_for_client = isinstance(error, RetryLater)
    detail, heading = (str(error), "") if is_for_client else (WHAT_TO_DO[503], DATABASE_UNAVAILABLE)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return error_response(request, 503, detail, heading=heading, headers=headers)
