"""The trail: a row for whatever somebody looked at or did. Without the row it is not done."""

from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa
import structlog
from fastapi import Request

from hkplates.database import audit
from web.auth.principal import Principal, client_address, principal_of
from web.errors import RetryLater
from web.services import services_of

log = structlog.get_logger()

Action = Literal[
    "search",
    "sighting",
    "photograph",
    "review",
    "control",
    "export",
    "login",
    "login_failed",
    "logout",
]
MAX_PURPOSE_LENGTH = 500
"""Characters."""


class AuditUnwritable(RetryLater):
    """What was asked for could not be noted, and so was not done."""


def record(
    request: Request,
    action: Action,
    subject: Mapping[str, Any],
    purpose: str | None = None,
    *,
    principal: Principal | None = None,
) -> None:
    """Note what somebody is about to do, on what, and why they say they do; before it is done.

    `person`: who does it, where that is not who asks (who logs in is nobody yet).

    Raises:
        TemporaryFault: it could not be noted; do not do it.
    """
    try:
        audit.note(
            services_of(request).engine,
            actor=(principal or principal_of(request)).name,
            action=action,
            subject=subject,
            purpose=(purpose or "").strip()[:MAX_PURPOSE_LENGTH] or None,
            address=client_address(request),
        )
    except sa.exc.SQLAlchemyError as error:
        log.exception("trail_unwritable", action=action)
        raise AuditUnwritable(
            "What you do cannot be noted in the audit just now, and so is not done; try again later"
        ) from error
