"""Records who asked for what and who changed what, in rows that are never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.database.schema.reviews import Audit
from hkplates.database.text import sanitise_text


@dataclass(frozen=True, slots=True)
class Entry:
    """An audited action; `subject` is what it was done to, as JSON values."""

    id: int
    happened_at: datetime
    actor: str
    action: str
    subject: dict[str, Any]
    purpose: str | None
    address: str | None


def record(
    engine: sa.Engine,
    *,
    actor: str,
    action: str,
    subject: Mapping[str, Any],
    purpose: str | None = None,
    address: str | None = None,
) -> None:
    """Records what somebody did; `subject` holds JSON values.

    Raises:
        DatabaseUnreachable: it is not recorded.
    """
    row = {
        "actor": sanitise_text(actor),
        "action": sanitise_text(action),
        "subject": _sanitise_json(dict(subject)),
        "purpose": sanitise_text(purpose) if purpose else None,
        "address": sanitise_text(address) if address else None,
    }
    with engine.begin() as connection:
        connection.execute(sa.insert(Audit), row)


def entries(engine: sa.Engine, *, before: int | None = None, limit: int = 100) -> list[Entry]:
    """Returns the latest entries, the newest first; with `before`, those with a smaller id."""
    query = sa.select(Audit.__table__).order_by(Audit.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Audit.id < before)
    with engine.connect() as connection:
        return [Entry(**row._mapping) for row in connection.execute(query)]


def _sanitise_json(value: Any) -> Any:
    """Returns the same JSON value with texts that Postgres can hold."""
    if isinstance(value, str):
        return sanitise_text(value)
    if isinstance(value, Mapping):
        return {sanitise_text(str(name)): _sanitise_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_sanitise_json(one) for one in value]
    return value


def revoked_sessions(engine: sa.Engine, seconds: int) -> dict[str, int]:
    """Maps the sessions that were logged out in the last `seconds` to the Unix time each began.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    with engine.connect() as connection:
        rows = connection.execute(_LOGOUTS, {"seconds": seconds}).all()
    return {session: int(began) for session, began in rows}


# Finds the sessions that were logged out of lately
_LOGOUTS = sa.text("""
    SELECT subject ->> 'session', subject ->> 'began' FROM audit
     WHERE action = 'logout' AND happened_at > now() - make_interval(secs => :seconds)
       AND subject ->> 'session' IS NOT NULL
""")
