"""Migrates a database to the newest schema."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import ProgrammingError

from hkplates.database.schema.revision import current_revision, refuse_newer
from hkplates.errors import SchemaNotCurrent, SetupError

MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"


@dataclass(frozen=True, slots=True)
class Migrated:
    """The migrations that a database was at before (None: never migrated) and is at now."""

    before: str | None
    after: str | None


def migrate(engine: sa.Engine) -> Migrated:
    """Runs every migration that is missing; safe to run twice, also at the same moment.

    Raises:
        DatabaseUnreachable: Postgres does not answer, or a table stayed locked too long.
        SchemaNotCurrent: the database is newer than this version, or not one of ours.
        SetupError: this user may not make tables.
    """
    with engine.connect() as connection:
        before = current_revision(connection)
        connection.commit()
        refuse_newer(before)
        _upgrade(connection, before)
        return Migrated(before, current_revision(connection))


def _upgrade(connection: sa.Connection, before: str | None) -> None:
    try:
        command.upgrade(config(connection), "head")
    except CommandError:
        raise SchemaNotCurrent(
            f"The database is at migration {before}, which this version of hkplates does not know. "
            "Check DATABASE_URL, and that hkplates on this machine is whole"
        ) from None
    except ProgrammingError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise SetupError(
            "This database user may not make the tables "
            f"({str(error.orig).splitlines()[0]}); migrate as the owner of the database, "
            "or grant the user CREATE on its schema public"
        ) from None


def config(connection: sa.Connection | None = None) -> Config:
    """Configures Alembic in code, so that an installed hkplates needs no file for it."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings
