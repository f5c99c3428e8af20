"""Makes logins of the writer role, for workers and producers: they read and write rows, no more."""

import psycopg
import sqlalchemy as sa
from psycopg import sql

from hkplates.errors import SetupError

WRITER = "hkplates_writer"
"""The role whose rights it has; a migration makes it."""
LONGEST_NAME = 63
"""Bytes; Postgres cuts off what is longer."""
RESERVED = ("public", "none")
"""Names that Postgres gives to nobody, beside those that begin with pg_."""


def require_login_name(name: str) -> None:
    """Checks that a name can be that of a writer's login.

    Raises:
        SetupError: it cannot; the message says why.
    """
    if not name.strip() or not name.isprintable():
        raise SetupError("The writer's login needs a name, such as plates_worker")
    why = ""
    if name == WRITER:
        why = "is the role that writers belong to"
    elif name in RESERVED or name.startswith("pg_"):
        why = "is a name that Postgres keeps for itself"
    elif len(name.encode()) > LONGEST_NAME:
        why = f"is longer than {LONGEST_NAME} bytes"
    if why:
        raise SetupError(f"{name} {why}; choose another name for the login")


def make_writer_login(engine: sa.Engine, name: str, password: str) -> None:
    """Makes a login of this name and password, or gives an existing one this password.

    The password goes to Postgres as it is kept there (SCRAM): no log of statements shows it.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
        SetupError: this user may not, or it is no name for a writer's login, or the login of
            somebody with other rights.
    """
    require_login_name(name)
    with engine.begin() as connection:
        # Two that migrate at the same moment make one login.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('hkplates login'))"))
        found = connection.execute(_FOUND, {"name": name, "writer": WRITER}).one()
        if not found.has_writer:
            raise SetupError(
                f"There is no role {WRITER}; migrate as a user who may make roles (CREATEROLE)"
            )
        if found.is_own:
            raise SetupError(f"{name} is the login you migrate as; choose another name")
        if found.is_other:
            raise SetupError(f"{name} is the login of somebody else; choose another name")
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101  (open_engine knows no other)
        try:
            _make(driver, name, password, is_new=found.is_new)
        except psycopg.errors.InsufficientPrivilege as error:
            raise SetupError(
                f"This database user may not make the login {name} ({_server_message(error)}); "
                f"migrate as a user with CREATEROLE, and with ADMIN on {WRITER}"
            ) from None
        except psycopg.Error as error:
            # Without the cause, which quotes the statement and in it what is kept of a password.
            raise SetupError(
                f"Postgres does not make the login {name}: {_server_message(error)}"
            ) from None


def _server_message(error: psycopg.Error) -> str:
    """Returns the server's message, without the statement."""
    return error.diag.message_primary or type(error).__name__


# Finds out whether the role is there, and whose a login is
_FOUND = sa.text("""
    SELECT to_regrole(:writer) IS NOT NULL AS has_writer,
           NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :name) AS is_new,
           CAST(:name AS text) IN (current_user, session_user) AS is_own,
           EXISTS (SELECT FROM pg_roles
                    WHERE rolname = :name
                      AND (rolsuper OR rolcreaterole
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
