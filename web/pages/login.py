"""Logging in and out, and whether the page is well."""

from typing import Annotated

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from web.auth import audit_trail
from web.auth.credentials import MAX_PASSWORD_LENGTH, Credential
from web.auth.paths import HEALTH, HOME, LOGIN, LOGOUT, safe_redirect
from web.auth.principal import Principal, client_address, principal_of
from web.auth.rate_limit import client_network
from web.auth.sessions import Session
from web.auth.state import security_of
from web.auth.throttle import too_many_requests
from web.services import ServicesDep
from web.templating import render_page

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()

LOGIN_FAILED = "This name and password do not belong together."
UNKNOWN_USER = Principal("(unknown name)", None)
"""As whom a login with an unknown name is noted: people type passwords where the name belongs."""

Next = Annotated[str, Query(max_length=2000)]


@router.get(LOGIN)
def show_form(request: Request, next: Next = HOME) -> Response:
    """The form."""
    wanted = safe_redirect(next)
    if principal_of(request).may_read:
        return RedirectResponse(wanted, 303)
    return render_page(request, "login.html", wanted=wanted, message="", name="")


@router.post(LOGIN)
def log_in(
    request: Request,
    name: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=MAX_PASSWORD_LENGTH)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=2000)] = HOME,
) -> Response:
    """Begin a session of somebody who knows their password."""
    security = security_of(request)
    if security.access.is_open:
        return RedirectResponse(HOME, 303)
    check_login_rate(request, name)
    entry = security.access.users.authenticate(name, password)
    if entry is None:
        known = security.access.users.find(name)
        audit_trail.record(
            request, "login_failed", {}, principal=Principal(name, None) if known else UNKNOWN_USER
        )
        log.warning("login_failed", known=known is not None, address=client_address(request))
        again = {"wanted": safe_redirect(wanted), "message": LOGIN_FAILED, "name": name}
        return render_page(request, "login.html", status=401, **again)
    _start_session(request, entry)
    return RedirectResponse(safe_redirect(wanted), 303)


@router.post(LOGOUT)
def log_out(request: Request) -> Response:
    """End the session, and whatever copy of its cookie there is."""
    session: Session | None = request.state.session
    if session is not None and session.name:
        _end_session(request, session)
        request.state.session = security_of(request).sessions.new()
    return RedirectResponse(LOGIN, 303)


@router.get(HEALTH)
def health(services: ServicesDep) -> Response:
    """Whether the page can ask its database: for whoever restarts containers."""
    # Not a connection that pages use, all of which may be waiting.
    with services.slow_engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    return PlainTextResponse("well\n")


def check_login_rate(request: Request, name: str) -> None:
    """Refuse more attempts, before any password is looked at."""
    security, near = security_of(request), client_network(client_address(request))
    limits = security.limits
    for limit, window, key in (
        ("address", limits.logins_by_address, near),
        ("name", limits.logins_by_name, f"{near} {name}"),
        ("name_anywhere", limits.logins_by_name_anywhere, name),
    ):
        if wait := window.try_acquire(key):
            known = security.access.users.find(name) is not None
            log.warning("login_refused", limit=limit, known=known, address=client_address(request))
            raise too_many_requests(wait, "attempts to log in")


def _start_session(request: Request, entry: Credential) -> None:
    """A session of a new number: whoever knew the one before knows nothing of this one."""
    security = security_of(request)
    audit_trail.record(request, "login", {}, principal=Principal(entry.name, entry.role))
    near = client_network(client_address(request))
    security.limits.logins_by_name.reset(f"{near} {entry.name}")
    before: Session | None = request.state.session
    if before is not None and before.name:
        _end_session(request, before)
    request.state.session = security.sessions.new(entry)
    log.info("login", name=entry.name, address=client_address(request))


def _end_session(request: Request, session: Session) -> None:
    # The row also tells the process that comes after this one that the session has ended.
    subject = {"session": session.id, "began": session.issued_at}
    audit_trail.record(request, "logout", subject, principal=Principal(session.name, None))
    security_of(request).sessions.revoke(session)
    log.info("logout", name=session.name)
