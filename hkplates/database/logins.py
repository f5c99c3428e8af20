"""A login for workers and producers: it may read and write rows, and nothing else."""

import psycopg
import sqlalchemy as sa
from psycopg import sql

from hkplates.errors import SetupError

WRITER = "hkplates_writer"
"""The role whose rights it has; a migration makes it."""


def make_writer_login(engine: sa.Engine, name: str, password: str) -> None:
    """Make a login of this name and password, or give the one that is there this password.

    The password goes to Postgres as it is kept there (SCRAM): no log of statements shows it.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
        SetupError: this user may not, or it is the login of somebody with other rights.
    """
    with engine.begin() as connection:
        # Two that migrate at the same moment make one login.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('hkplates login'))"))
        found = connection.execute(_FOUND, {"name": name, "writer": WRITER}).one()
        if not found.has_writer:
            raise SetupError(
                f"There is no role {WRITER}; migrate as a user who may make roles (CREATEROLE)"
            )
        if found.is_other:
            raise SetupError(f"{name} is the login of somebody else; choose another name")
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101  (open_engine knows no other)
        try:
            _make(driver, name, password, is_new=found.is_new)
        except psycopg.errors.InsufficientPrivilege as error:
            raise SetupError(
                f"This database user may not make the login {name} "
                f"({str(error).splitlines()[0]}); migrate as a user with CREATEROLE"
            ) from None


_FOUND = sa.text("""
    SELECT to_regrole(:writer) IS NOT NULL AS has_writer,
           NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :name) AS is_new,
           EXISTS (SELECT FROM pg_roles
                    WHERE rolname = :name
                      AND (rolsuper OR rolcreaterole OR rolname = current_user
                           OR oid IN (SELECT datdba FROM pg_database)
                           OR pg_has_role(oid, to_regrole(:writer), 'MEMBER') IS NOT TRUE))
           AS is_other
""")


def _make(
    connection: psycopg.Connection[tuple[object, ...]], name: str, password: str, *, is_new: bool
) -> None:
    kept = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    names = {
        "verb": sql.SQL("CREATE" if is_new else "ALTER"),
        "login": sql.Identifier(name),
        "password": sql.Literal(kept.decode()),
        "writer": sql.Identifier(WRITER),
        "database": sql.Identifier(connection.info.dbname),
    }
    for statement in (
        "{verb} ROLE {login} LOGIN PASSWORD {password}",
        "GRANT {writer} TO {login}",
        "GRANT CONNECT ON DATABASE {database} TO {login}",
    ):
        connection.execute(sql.SQL(statement).format(**names))
