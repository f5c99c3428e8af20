"""Installs the middleware, from the outside in: headers, errors, gate, concurrency limit, HEAD."""

from fastapi import FastAPI

from web.auth.state import Security
from web.middleware.concurrency import ConcurrencyLimit
from web.middleware.error_responses import UnhandledErrors, install_error_handlers
from web.middleware.gate import Gate
from web.middleware.head_requests import HeadAsGet
from web.middleware.security_headers import SecurityHeaders


def install_middleware(app: FastAPI, security: Security) -> None:
    """Wraps an application: no request bypasses the gate, no response lacks security headers."""
    app.state.security = security
    install_error_handlers(app)
    # Each wraps those that were added before it.
    app.add_middleware(HeadAsGet)
    app.add_middleware(ConcurrencyLimit)
    app.add_middleware(Gate, security=security)
    app.add_middleware(UnhandledErrors)
    app.add_middleware(SecurityHeaders, is_https=security.access.is_https)
