"""Pages to log in and out, and the health check."""

from typing import Annotated

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from web.auth import audit_trail
from web.auth.credentials import MAX_PASSWORD_LENGTH, Credential
from web.auth.paths import HEALTH, HOME, LOGIN, LOGOUT, safe_redirect
from web.auth.principal import Principal, client_address, principal_of
from web.auth.sessions import Session
from web.auth.state import security_of
from web.auth.throttle import check_login_rate, reset_login_rate
from web.services import ServicesDep
from web.templating import render_page

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()

LOGIN_FAILED = "This name and password do not belong together."
UNKNOWN_USER = Principal("(unknown name)", None)
"""Principal in the audit row of an unknown name: people type passwords where the name belongs."""

Next = Annotated[str, Query(max_length=2000)]


@router.get(LOGIN)
def show_form(request: Request, next: Next = HOME) -> Response:
    """Shows the login form, or redirects whoever is logged in already."""
    target = safe_redirect(next)
    if principal_of(request).may_read:
        return RedirectResponse(target, 303)
    return render_page(request, "login.html", target=target, message="", name="")


@router.post(LOGIN)
def log_in(
    request: Request,
    name: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=MAX_PASSWORD_LENGTH)] = "",
    target: Annotated[str, Form(alias="next", max_length=2000)] = HOME,
) -> Response:
    """Authenticates a user and starts their session."""
    security = security_of(request)
    if security.access.is_open:
        return RedirectResponse(HOME, 303)
    check_login_rate(request, name)
    credential = security.access.users.authenticate(name, password)
    if credential is None:
        known = security.access.users.find(name) is not None
        principal = Principal(name, None) if known else UNKNOWN_USER
        audit_trail.record(request, "login_failed", {}, principal=principal)
        log.warning("login_failed", known=known, address=client_address(request))
        values = {"target": safe_redirect(target), "message": LOGIN_FAILED, "name": name}
        return render_page(request, "login.html", status=401, **values)
    _start_session(request, credential)
    return RedirectResponse(safe_redirect(target), 303)


@router.post(LOGOUT)
def log_out(request: Request) -> Response:
    """Ends the session, with every copy of its cookie."""
    session: Session | None = request.state.session
    if session is not None and session.name:
        _end_session(request, session)
        request.state.session = security_of(request).sessions.new()
    return RedirectResponse(LOGIN, 303)


@router.get(HEALTH)
def health(services: ServicesDep) -> Response:
    """Answers 200 if the database answers; for whatever restarts containers."""
    # Not a connection that pages use, all of which may be waiting.
    with services.slow_engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    return PlainTextResponse("well\n")


def _start_session(request: Request, credential: Credential) -> None:
    """Starts a session with a new id: whoever knew the one before knows nothing of this one."""
    security = security_of(request)
    principal = Principal(credential.name, credential.role)
    audit_trail.record(request, "login", {}, principal=principal)
    reset_login_rate(request, credential.name)
    before: Session | None = request.state.session
    if before is not None and before.name:
        _end_session(request, before)
    request.state.session = security.sessions.new(credential)
    log.info("login", name=credential.name, address=client_address(request))


def _end_session(request: Request, session: Session) -> None:
    # The row also tells the process that comes after this one that the session was revoked.
    subject = {"session": session.id, "began": session.issued_at}
    audit_trail.record(request, "logout", subject, principal=Principal(session.name, None))
    security_of(request).sessions.revoke(session)
    log.info("logout", name=session.name)
