"""Logging in and out, and whether the page is well."""

from typing import Annotated

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from web.auth.audit_trail import note
from web.auth.credentials import LONGEST_PASSWORD, Entry
from web.auth.paths import HEALTH, HOME, LOGIN, LOGOUT, local_path
from web.auth.principal import Person, address_of, person_of
from web.auth.rate_limit import neighbourhood
from web.auth.sessions import Session
from web.auth.state import security_of
from web.auth.throttle import too_often
from web.services import Held
from web.templating import page

router = APIRouter(include_in_schema=False)
log = structlog.get_logger()

WRONG = "This name and password do not belong together."
STRANGER = Person("(unknown name)", None)
"""As whom a login with an unknown name is noted: people type passwords where the name belongs."""

Next = Annotated[str, Query(max_length=2000)]


@router.get(LOGIN)
def ask(request: Request, next: Next = HOME) -> Response:
    """The form."""
    wanted = local_path(next)
    if person_of(request).may_read:
        return RedirectResponse(wanted, 303)
    return page(request, "login.html", wanted=wanted, message="", name="")


@router.post(LOGIN)
def log_in(
    request: Request,
    name: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
    wanted: Annotated[str, Form(alias="next", max_length=2000)] = HOME,
) -> Response:
    """Begin a session of somebody who knows their password."""
    security = security_of(request)
    if security.access.is_open:
        return RedirectResponse(HOME, 303)
    _be_unhurried(request, name)
    entry = security.access.users.prove(name, password)
    if entry is None:
        known = security.access.users.find(name)
        note(request, "login_failed", {}, person=Person(name, None) if known else STRANGER)
        log.warning("login_failed", known=known is not None, address=address_of(request))
        again = {"wanted": local_path(wanted), "message": WRONG, "name": name}
        return page(request, "login.html", status=401, **again)
    _begin(request, entry)
    return RedirectResponse(local_path(wanted), 303)


@router.post(LOGOUT)
def log_out(request: Request) -> Response:
    """End the session, and whatever copy of its cookie there is."""
    session: Session | None = request.state.session
    if session is not None and session.name:
        _end(request, session)
        request.state.session = security_of(request).sessions.new()
    return RedirectResponse(LOGIN, 303)


@router.get(HEALTH)
def health(held: Held) -> Response:
    """Whether the page can ask its database: for whoever restarts containers."""
    # Not a connection that pages use, all of which may be waiting.
    with held.patient.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    return PlainTextResponse("well\n")


def _be_unhurried(request: Request, name: str) -> None:
    """Refuse more attempts, before any password is looked at."""
    security, near = security_of(request), neighbourhood(address_of(request))
    limits = security.limits
    for limit, window, key in (
        ("address", limits.logins_by_address, near),
        ("name", limits.logins_by_name, f"{near} {name}"),
        ("name_anywhere", limits.logins_by_name_anywhere, name),
    ):
        if wait := window.take(key):
            known = security.access.users.find(name) is not None
            log.warning("login_refused", limit=limit, known=known, address=address_of(request))
            raise too_often(wait, "attempts to log in")


def _begin(request: Request, entry: Entry) -> None:
    """A session of a new number: whoever knew the one before knows nothing of this one."""
    security = security_of(request)
    note(request, "login", {}, person=Person(entry.name, entry.role))
    near = neighbourhood(address_of(request))
    security.limits.logins_by_name.forget(f"{near} {entry.name}")
    before: Session | None = request.state.session
    if before is not None and before.name:
        _end(request, before)
    request.state.session = security.sessions.new(entry)
    log.info("login", name=entry.name, address=address_of(request))


def _end(request: Request, session: Session) -> None:
    # The row also tells the process that comes after this one that the session has ended.
    subject = {"session": session.id, "began": session.began}
    note(request, "logout", subject, person=Person(session.name, None))
    security_of(request).sessions.end(session)
    log.info("logout", name=session.name)
