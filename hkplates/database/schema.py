"""Bringing a database to the newest migration."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from hkplates.database.session import current_revision

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


@dataclass(frozen=True, slots=True)
class Migrated:
    """Where the database was before (None: never migrated), and where it is now."""

    before: str | None
    after: str | None


def migrate(engine: sa.Engine) -> Migrated:
    """Run every migration that is missing; safe to run twice, also at the same moment.

    Raises:
        DatabaseUnreachable: Postgres does not answer, or a table stayed locked too long.
    """
    with engine.connect() as connection:
        before = current_revision(connection)
        connection.commit()
        command.upgrade(config(connection), "head")
        return Migrated(before, current_revision(connection))


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration in code, so that an installed hkplates needs no file for it."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings
