"""Records each view and action of a principal in the table `audit`, before it is done."""

from collections.abc import Mapping
from typing import Any, Literal

import sqlalchemy as sa
import structlog
from fastapi import Request

from hkplates.database import audit
from web.auth.principal import Principal, client_address, principal_of
from web.errors import RetryLater
from web.pictures.render import Size
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
    """The audit row could not be written, and so the action was not done."""


def record(
    request: Request,
    action: Action,
    subject: Mapping[str, Any],
    purpose: str | None = None,
    *,
    principal: Principal | None = None,
) -> None:
    """Writes the audit row of an action: its subject, its purpose if one was given, and the actor.

    Call it before the action. `principal`: who acts, if that is not the request's own (a user who
    logs in is anonymous until then).

    Raises:
        TemporaryFault: the row could not be written; the action must not be done.
    """
    try:
        audit.record(
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


def record_photograph(request: Request, image_id: int, size: Size) -> None:
    """Writes the audit row of a photograph shown in full; none for a thumbnail, as pages have many.

    Raises:
        TemporaryFault: the row could not be written; the photograph must not be shown.
    """
    if size != "thumbnail":
        record(request, "photograph", {"image": image_id})
