"""What the page's process holds: opened once when it starts, handed to every request."""

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
from hkplates.embedded import servers as embedded
from hkplates.jobs import StoreKind
from hkplates.reporting.next_steps import FormatStep
from hkplates.settings import Settings
from hkplates.storage.base import Store
from hkplates.storage.stores import open_stores
from web.pictures.render import PictureRenderer
from web.status_cache import StatusCache

STATEMENT_SECONDS = 12.0
"""How long a page's statement may take, or wait for a lock: its thread waits as well."""
LONG_STATEMENT_SECONDS = 600.0
"""The same of what counts and changes millions of images beside the pages."""
MAX_CONNECTIONS = 20
"""More than the pages that are made at once (turns.py), with pictures and logins."""
MAX_WAIT_SECONDS = 2.0
"""How long a page waits for a connection."""


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the stores of photographs and the settings; usable from several threads.

    `engine` breaks off what takes long; `patient`, with connections of its own, is for what may.
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
    """Everything that a page needs, closed at the end.

    Raises:
        SetupError: no database is named, or it is not at the migration of this version.
        DatabaseUnreachable: Postgres does not answer.
    """
    url = embedded.resolve_database_url(settings)
    engine, patient = (
        _open_engine(url, STATEMENT_SECONDS),
        _open_engine(url, LONG_STATEMENT_SECONDS),
    )
    try:
        require_current_schema(engine)
        yield build_services(engine, settings, format_step, patient)
    finally:
        engine.dispose()
        patient.dispose()


def build_services(
    engine: sa.Engine,
    settings: Settings,
    format_step: FormatStep,
    slow_engine: sa.Engine | None = None,
) -> Services:
    """The same, over a database that is open and stays so; `patient`, if it is another engine."""
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
    """In Hong Kong's zone the last moments of 9999 are in a year that Python does not have."""
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()  # a transaction that is taken back would take this back as well


def services_of(request: Request) -> Services:
    """What this process holds."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
"""Type of an endpoint's parameter that takes what the process holds."""
