"""Compares the schema's version, apart from the tables: whoever compares need not load them."""

import sqlalchemy as sa

from hkplates.errors import SchemaNotCurrent

REVISION = "0006"
"""The newest migration: what this version of the program needs (a test holds them together)."""


def require_current_schema(engine: sa.Engine) -> None:
    """Checks that the database is at the migration this version was written for.

    Raises:
        SchemaNotCurrent: it is not; the message says which side is behind.
        DatabaseUnreachable: Postgres does not answer.
    """
    with engine.connect() as connection:
        found = current_revision(connection)
    if found == REVISION:
        return
    refuse_newer(found)
    state = "has no hkplates tables" if found is None else f"is at migration {found}"
    raise SchemaNotCurrent(
        f"The database {state}, and this version needs migration {REVISION}. Run: hkplates migrate"
    )


def refuse_newer(found: str | None) -> None:
    """Raises SchemaNotCurrent where a database is ahead of this version."""
    if found is not None and found > REVISION:
        raise SchemaNotCurrent(
            f"The database is at migration {found}, newer than {REVISION}, which this version of "
            "hkplates was written for. Update hkplates on this machine."
        )


def current_revision(connection: sa.Connection) -> str | None:
    """Returns the migration a database is at, or None where it was never migrated."""
    exists = sa.text("SELECT to_regclass('alembic_version') IS NOT NULL")
    if not connection.execute(exists).scalar_one():
        return None
    query = sa.text("SELECT version_num FROM alembic_version")
    return connection.execute(query).scalar_one_or_none()
