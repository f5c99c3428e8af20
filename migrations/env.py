"""Runs migrations: one at a time, and never long in the workers' way."""

import sqlalchemy as sa
from alembic import context

from hkplates.database.engine import open_engine
from hkplates.database.schema import images, plates, reviews  # noqa: F401 - for their tables
from hkplates.database.schema.base import Base
from hkplates.settings import read_settings

ONE_AT_A_TIME = 7_305_219_854_113_001  # any number, as long as nothing else here locks on it
LOCK_TIMEOUT = "5s"  # a waiting ALTER TABLE makes every later query of the table wait behind it
STATEMENT_TIMEOUT = "15min"


def run() -> None:
    """Runs on the connection handed over by `hkplates migrate`, else on the settings' database."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    from hkplates.embedded.servers import resolve_database_url

    with open_engine(resolve_database_url(read_settings())).connect() as connection:
        migrate(connection)


def migrate(connection: sa.Connection) -> None:
    """Waits for another migration to end, then migrates; a second one finds nothing left to do."""
    lock = {"key": ONE_AT_A_TIME}
    connection.execute(sa.text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), lock)
    connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    try:
        configure(connection)
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), lock)
        connection.execute(sa.text("RESET lock_timeout"))
        connection.execute(sa.text("RESET statement_timeout"))
        connection.commit()


def configure(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_server_default=True,
    )


run()
