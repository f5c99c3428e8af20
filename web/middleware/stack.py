"""What stands around the application, from the outside in: headers, faults, the gate, turns."""

from fastapi import FastAPI

from web.auth.state import Security
from web.middleware.concurrency import ConcurrencyLimit
from web.middleware.error_responses import UnhandledErrors, install_error_handlers
from web.middleware.gate import Gate
from web.middleware.head_requests import HeadAsGet
from web.middleware.security_headers import SecurityHeaders
from web.pages import audit, login


def install_middleware(app: FastAPI, security: Security) -> None:
    """Let nothing reach an application but through the gate, nor leave it without headers."""
    app.state.security = security
    app.include_router(login.router)
    app.include_router(audit.router)
    install_error_handlers(app)
    # Each stands around those that were added before it.
    app.add_middleware(HeadAsGet)
    app.add_middleware(ConcurrencyLimit)
    app.add_middleware(Gate, security=security)
    app.add_middleware(UnhandledErrors)
    app.add_middleware(SecurityHeaders, is_https=security.access.is_https)
