"""Every answer that is no page: errors in words, as HTML or as problem+json."""

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
"""After which what is away is asked for again."""


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
"""Of pages, for people; a problem's title is what HTTP calls the status."""


DATABASE_UNAVAILABLE = "This page needs a service that is away: the database"


def wants_json(request: Request) -> bool:
    """Whether a program asks and no person."""
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
    """The answer of a status, as a page (under `heading`) or as a problem document."""
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
    """Let an application answer every error of ours in words."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(TemporaryFault, _service_unavailable)
    app.add_exception_handler(
        sa.exc.TimeoutError, _service_unavailable
    )  # all connections are in use


class UnhandledErrors:
    """Answers what nobody expected, inside of whatever adds headers to answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            log.exception("page_failed", method=scope["method"], path=_route_pattern(scope))
            await error_response(Request(scope), 500)(scope, receive, send)


def _route_pattern(scope: Scope) -> str:
    """The address as a pattern, like /marks/{mark}: the address itself may hold a mark."""
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
    """What was expected of each value; never the value, which a proxy's log might keep."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    wrong = [
        FieldError(where=".".join(map(str, one["loc"])), what=str(one["msg"]))
        for one in error.errors()
    ]
    detail = "; ".join(f"{one.where}: {one.what}" for one in wrong)
    return error_response(request, 422, detail, errors=wrong)


def _service_unavailable(request: Request, error: Exception) -> Response:
    log.warning("service_away", path=_route_pattern(request.scope), error=str(error))
    is_ours = isinstance(error, RetryLater)
    detail, heading = (str(error), "") if is_ours else (WHAT_TO_DO[503], DATABASE_UNAVAILABLE)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return error_response(request, 503, detail, heading=heading, headers=headers)
