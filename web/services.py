"""What the page's process holds: opened once when it starts, handed to every request."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import psycopg
import sqlalchemy as sa
from fastapi import Depends, Request
from sqlalchemy import event

from hkplates import embedded
from hkplates.database.session import open_engine, require_current_schema
from hkplates.jobs import StoreKind
from hkplates.settings import Settings
from hkplates.storage.base import Store
from hkplates.storage.stores import open_stores
from web.pictures import Pictures
from web.statuses import Statuses


@dataclass(frozen=True, slots=True)
class Services:
    """The database, the stores of photographs and the settings; usable from several threads."""

    settings: Settings
    engine: sa.Engine
    stores: Mapping[StoreKind, Store]
    statuses: Statuses
    pictures: Pictures


@contextmanager
def opened_services(settings: Settings) -> Iterator[Services]:
    """Everything that a page needs, closed at the end.

    Raises:
        SetupError: no database is named, or it is not at the migration of this version.
        DatabaseUnreachable: Postgres does not answer.
    """
    engine = open_engine(embedded.resolve_database_url(settings))
    event.listen(engine, "connect", _tell_utc)
    try:
        require_current_schema(engine)
        yield services_over(engine, settings)
    finally:
        engine.dispose()


def services_over(engine: sa.Engine, settings: Settings) -> Services:
    """The same, over a database that is open and stays so."""
    stores = open_stores()
    return Services(settings, engine, stores, Statuses(engine), Pictures(engine, stores, settings))


def _tell_utc(connection: psycopg.Connection[tuple[object, ...]], _: object) -> None:
    """In Hong Kong's zone the last moments of 9999 are in a year that Python does not have."""
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()  # a transaction that is taken back would take this back as well


def services_of(request: Request) -> Services:
    """What this process holds."""
    services: Services = request.app.state.services
    return services


Held = Annotated[Services, Depends(services_of)]
"""Type of an endpoint's parameter that takes what the process holds."""
