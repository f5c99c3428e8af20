"""Authenticates and authorises every request, and refuses those from foreign hosts and pages.

Denies by default: a path without a rule of its own needs a login, and a request that changes
something needs the reviewer's role, a CSRF token and an origin of ours.
"""

import hmac
from urllib.parse import parse_qs, quote

import anyio
from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.auth.hosts import is_address, is_loopback, is_same_origin, split_host
from web.auth.paths import LOGIN, PUBLIC, STATIC, UNPRIVILEGED_WRITES
from web.auth.principal import ANONYMOUS, LOCAL, REVIEWER_ROLE_REQUIRED, Principal
from web.auth.sessions import Session
from web.auth.state import Security
from web.middleware import session_cookie
from web.middleware.body import read_body, replay_body
from web.middleware.error_responses import error_response, wants_json

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_SECONDS = 30
PROXY_HEADERS = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")
"""Headers that only a proxy adds."""
CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf_token"


class Gate:
    """Middleware that checks host, credentials, role, origin and CSRF token of every request."""

    def __init__(self, app: ASGIApp, security: Security) -> None:
        self._app, self._security = app, security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # which nothing here serves
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            self._check_host(request)
            _check_fetch_site(request)
            if scope["path"].startswith(STATIC):
                await self._app(scope, receive, send)
                return
            session = self._authenticate(request)
            sending = self._with_session_cookie(request, session, send)
            response = self._authorise(request)
            if response is None:
                receive = await self._checked_body(request, receive)
        except HTTPException as error:
            response = error_response(
                request, error.status_code, error.detail, headers=error.headers
            )
            sending = send
        except ClientDisconnect:
            return  # nobody waits for an answer
        await (response or self._app)(scope, receive, sending)

    def _check_host(self, request: Request) -> None:
        """Refuses host names that are not ours, and proxies that the options do not name."""
        access, hosts = self._security.access, request.headers.getlist("host")
        host = split_host(hosts[0]) if len(hosts) == 1 else None
        if host is None:
            raise HTTPException(400, "The request names no host, or not one")
        name = host[0]
        known = is_loopback(name) or (
            not access.is_open and (is_address(name) or name in access.hosts)
        )
        if not known:
            raise HTTPException(
                400,
                f"This page does not go by the name {name}. Ask for it by its address, or start it "
                f"with: hkplates web --trusted-host {name}",
            )
        if access.is_open and any(header in request.headers for header in PROXY_HEADERS):
            raise HTTPException(
                403,
                "A proxy passed this on, and nobody has to log in here. Make users with `hkplates "
                "web-password NAME` and start the page with --behind-proxy and the proxy's address",
            )

    def _authenticate(self, request: Request) -> Session | None:
        """Sets the request's principal and session; returns the session of its cookie, if any.

        Raises:
            HTTPException: 401, an unknown bearer token.
        """
        security, state = self._security, request.state
        state.principal, state.session, state.by_token = ANONYMOUS, None, False
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            principal = security.access.tokens.find(token.strip())
            if principal is None:
                raise HTTPException(401, _UNKNOWN_KEY, _bearer_challenge('error="invalid_token"'))
            state.principal, state.by_token = principal, True
            return None
        before = security.sessions.decode(session_cookie.read(request, security))
        if before is None and wants_json(request):  # a program, which keeps no cookies
            state.principal = LOCAL if security.access.is_open else ANONYMOUS
            return None
        session = before or security.sessions.new()
        state.principal = self._session_principal(session)
        state.session = security.sessions.renewed(session) if _is_user_action(request) else session
        state.csrf_token = security.sessions.csrf_token(session)
        return before

    def _session_principal(self, session: Session) -> Principal:
        """Returns the principal of a session, with the role that the settings give them now."""
        access = self._security.access
        if access.is_open:
            return LOCAL
        credential = access.users.find(session.name)
        if credential is None or not self._security.sessions.belongs_to(session, credential):
            return ANONYMOUS
        return Principal(credential.name, credential.role)

    def _authorise(self, request: Request) -> Response | None:
        """Returns the answer that demands a login, or None if the principal is allowed.

        Raises:
            HTTPException: 403, the principal is no reviewer.
        """
        principal: Principal = request.state.principal
        # The path that routing uses: in request.url an escaped "?" would end it.
        path, is_write = request.scope["path"], request.method not in SAFE_METHODS
        if not principal.may_read and path not in PUBLIC:
            return _login_required(request)
        if is_write and not principal.may_review and path not in UNPRIVILEGED_WRITES:
            raise HTTPException(403, REVIEWER_ROLE_REQUIRED)
        return None

    async def _checked_body(self, request: Request, receive: Receive) -> Receive:
        """Reads the body of a write, checks its origin and CSRF token, and returns it to replay.

        Raises:
            HTTPException: 403 for a cross-site request, 408 for a body that does not end in
                BODY_SECONDS, 413 for one that is too long.
            ClientDisconnect: the client went away.
        """
        if request.method in SAFE_METHODS:
            return receive
        try:
            with anyio.fail_after(BODY_SECONDS):
                body = await read_body(receive, request.headers.get("content-length"))
        except TimeoutError:
            raise HTTPException(408, "The request did not come to its end") from None
        if not request.state.by_token:  # a bearer token no foreign page can make a browser send
            _check_origin(request)
            _check_csrf(request, body)
        return replay_body(body, receive)

    def _with_session_cookie(self, request: Request, before: Session | None, send: Send) -> Send:
        """Wraps `send` to set the session's cookie, if the request came with another or none."""

        async def send_with_cookie(message: Message) -> None:
            after = request.state.session
            if message["type"] == "http.response.start" and after not in (before, None):
                cookie = session_cookie.set_cookie_header(self._security, request, after)
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        return send_with_cookie


_UNKNOWN_KEY = (
    "This token is not known here, or not any more. `hkplates web-token NAME` makes one, and its "
    "entry belongs into HKPLATES_WEB_TOKENS"
)
_CROSS_SITE = (
    "This did not come from a page of ours, or from one that is too old. Go back, reload the page "
    "and try again. A program sends a token: Authorization: Bearer TOKEN"
)


def _bearer_challenge(error: str = "") -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="hkplates"{", " if error else ""}{error}'}


def _login_required(request: Request) -> Response:
    """Redirects a page's reader to the login; answers 401 to programs and writes."""
    if wants_json(request):
        detail = "Send a token that you were given: Authorization: Bearer TOKEN"
        return error_response(request, 401, detail, headers=_bearer_challenge())
    if request.method not in SAFE_METHODS:
        return error_response(
            request, 401, "You are not logged in any more. Log in and do it again"
        )
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = "" if path == "/" else f"?next={quote(path, safe='')}"
    return RedirectResponse(LOGIN + query, 303)


def _is_user_action(request: Request) -> bool:
    """Checks that a user acts, and not a script of an open page that polls for progress: polling
    must not keep a session alive."""
    mode = request.headers.get("sec-fetch-mode", "navigate")
    return mode == "navigate" or request.method not in SAFE_METHODS


def _check_fetch_site(request: Request) -> None:
    """Refuses requests that a foreign page makes a browser send, except a link that is followed.

    Reads add rows to the audit too: no foreign page may add one in a user's name.
    """
    headers = request.headers
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return
    is_link = headers.get("sec-fetch-mode") == "navigate" and request.method in SAFE_METHODS
    if not is_link or headers.get("sec-fetch-dest", "document") != "document":
        raise HTTPException(403, _CROSS_SITE)


def _check_origin(request: Request) -> None:
    """Refuses writes of another origin, also from browsers without Sec-Fetch headers."""
    origin = request.headers.get("origin")
    if origin is not None and not is_same_origin(origin, request.headers["host"]):
        raise HTTPException(403, _CROSS_SITE)


def _check_csrf(request: Request, body: bytes) -> None:
    """Refuses writes without the CSRF token of their session."""
    given = request.headers.get(CSRF_HEADER) or _form_field(request, body)
    expected = getattr(request.state, "csrf_token", "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise HTTPException(403, _CROSS_SITE)


def _form_field(request: Request, body: bytes) -> str:
    if request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
        return ""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=200)
    except ValueError:
        return ""
    return fields.get(CSRF_FIELD, [""])[0]
