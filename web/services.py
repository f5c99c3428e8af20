"""Opens the services of the web process once, when it starts, for all requests."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import psycopg
import sqlalchemy as sa
from fastapi import Depends, Request
from sqlalchemy import event

from hkplates.database.engine import open_engine
from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded.servers import resolve_database_url
from hkplates.jobs import StoreKind
from hkplates.reporting.next_steps import FormatStep
from hkplates.settings import Settings
from hkplates.storage.base import Store
from hkplates.storage.stores import open_stores
from web.pictures.render import PictureRenderer
from web.status_cache import StatusCache

STATEMENT_SECONDS = 12.0
"""Limit of a request's statement, or its wait for a lock: its thread waits as well."""
LONG_STATEMENT_SECONDS = 600.0
"""Limit of statements beside the requests, which count and change millions of images."""
MAX_CONNECTIONS = 20
"""Connections of an engine: more than the requests at once (middleware/concurrency.py), with
pictures and logins."""
MAX_WAIT_SECONDS = 2.0
"""Longest wait of a request for a connection."""


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the stores of photographs and the settings; usable from several threads.

    `engine` breaks off long statements; `slow_engine`, with connections of its own, is for those
    that may take long.
    """

    settings: Settings
    engine: sa.Engine
    slow_engine: sa.Engine
    stores: Mapping[StoreKind, Store]
    statuses: StatusCache
    pictures: PictureRenderer
    format_step: FormatStep


@contextmanager
def opened_services(settings: Settings, format_step: FormatStep) -> Iterator[Services]:
    """Opens the services, and closes them at the end.

    Raises:
        SetupError: no database is named, or it is not at the migration of this version.
        DatabaseUnreachable: Postgres does not answer.
    """
    url = resolve_database_url(settings)
    engine = _open_engine(url, STATEMENT_SECONDS)
    slow_engine = _open_engine(url, LONG_STATEMENT_SECONDS)
    try:
        require_current_schema(engine)
        yield build_services(engine, settings, format_step, slow_engine)
    finally:
        engine.dispose()
        slow_engine.dispose()


def build_services(
    engine: sa.Engine,
    settings: Settings,
    format_step: FormatStep,
    slow_engine: sa.Engine | None = None,
) -> Services:
    """Builds the services over an open database, which they do not close.

    Without `slow_engine`, `engine` runs slow statements too.
    """
    stores, slow_engine = open_stores(), slow_engine or engine
    pictures = PictureRenderer(engine, stores, settings)
    statuses = StatusCache(slow_engine)
    return Services(settings, engine, slow_engine, stores, statuses, pictures, format_step)


def _open_engine(url: str, seconds: float) -> sa.Engine:
    engine = open_engine(
        url,
        statement_seconds=seconds,
        connections=MAX_CONNECTIONS,
        patience_seconds=MAX_WAIT_SECONDS,
    )
    event.listen(engine, "connect", _set_utc)
    return engine


def _set_utc(connection: psycopg.Connection[tuple[object, ...]], _: object) -> None:
    """Sets a connection's time zone to UTC: in Hong Kong's, the last hours of 9999 are in a year
    that Python does not have."""
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()  # a transaction that is rolled back would undo this as well


def services_of(request: Request) -> Services:
    """Returns the services of the request's application."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
"""Type of an endpoint's parameter that takes the services."""
