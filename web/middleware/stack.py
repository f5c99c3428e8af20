"""What stands around the application, from the outside in: headers, faults, the gate, turns."""

from fastapi import FastAPI

from web.auth.state import Security
from web.middleware.concurrency import Turns
from web.middleware.error_responses import Faults, handle_errors
from web.middleware.gate import Gate
from web.middleware.head_requests import Heads
from web.middleware.security_headers import Headers
from web.pages import audit, login


def protect(app: FastAPI, security: Security) -> None:
    """Let nothing reach an application but through the gate, nor leave it without headers."""
    app.state.security = security
    app.include_router(login.router)
    app.include_router(audit.router)
    handle_errors(app)
    # Each stands around those that were added before it.
    app.add_middleware(Heads)
    app.add_middleware(Turns)
    app.add_middleware(Gate, security=security)
    app.add_middleware(Faults)
    app.add_middleware(Headers, is_https=security.access.is_https)
