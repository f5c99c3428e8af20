"""Opens the database and translates its errors."""

from functools import partial
from typing import TypeGuard

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError

from hkplates.errors import DatabaseUnreachable, SettingInvalid

EXAMPLE = "postgresql://user:password@host:5432/hkplates"
KEPT = 5
"""Connections that stay open when nobody uses them."""
SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
CONNECTION = {
    "connect_timeout": 5,  # seconds
    "application_name": "hkplates",
    # A database made without a locale (SQL_ASCII) would answer in bytes.
    "client_encoding": "utf8",
    # A server that vanished without a word is noticed within about half a minute.
    "keepalives_idle": 15,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}


def open_engine(
    url: str,
    *,
    statement_seconds: float | None = None,
    connections: int = 15,
    patience_seconds: float = 30,
) -> sa.Engine:
    """Returns an engine for a Postgres URL; connections are made when they are needed.

    Whoever needs one while all `connections` are in use waits `patience_seconds`, and is then told
    so (sqlalchemy.exc.TimeoutError).

    Whatever is run on it raises DatabaseUnreachable where Postgres is away, busy or shutting down,
    or where a statement takes, or waits for a lock, longer than it may.

    Raises:
        SettingInvalid: the URL is not one of Postgres.
    """
    address = _parse(url)
    connection_arguments(url)
    engine = sa.create_engine(
        address,
        connect_args=CONNECTION,
        # After a restart of Postgres every pooled connection is dead; ask before using one.
        pool_pre_ping=True,
        # Errors are shown to people; rows hold the names of private photographs.
        hide_parameters=True,
        max_overflow=connections - KEPT,
        pool_size=KEPT,
        pool_timeout=patience_seconds,
    )
    event.listen(engine, "handle_error", _translate)
    if statement_seconds is not None:
        event.listen(engine, "connect", partial(_bound, f"{1000 * statement_seconds:.0f}"))
    return engine


def _bound(
    milliseconds: str, connection: psycopg.Connection[tuple[object, ...]], _: object
) -> None:
    """Sets a connection's statement timeout.

    Not in the options of the connection, where the URL may have its own.
    """
    connection.autocommit = True  # a transaction that is taken back would take this back as well
    connection.execute("SELECT set_config('statement_timeout', %s, false)", [milliseconds])
    connection.autocommit = False


def connection_arguments(url: str) -> dict[str, str]:
    """Returns the parameters of a Postgres URL by libpq's keywords: host, port, user, dbname ...

    Raises:
        SettingInvalid: the URL is not one of Postgres, or says what Postgres does not know.
    """
    address = _parse(url)
    try:
        _, arguments = address.get_dialect()().create_connect_args(address)
        make_conninfo(**arguments)
    except (ArgumentError, ValueError, psycopg.Error):
        # Without the cause, which may quote the URL and its password.
        raise SettingInvalid(
            f"DATABASE_URL says what Postgres does not understand; expected {EXAMPLE}"
        ) from None
    return {name: str(value) for name, value in arguments.items()}


def _parse(url: str) -> URL:
    try:
        address = sa.make_url(url.strip())
    except (ArgumentError, ValueError):
        address = None  # without the cause, which quotes the URL and its password
    if address is None or address.drivername not in SCHEMES:
        raise SettingInvalid(f"DATABASE_URL is not a Postgres URL; expected {EXAMPLE}")
    if "@" in (address.host or ""):
        # What follows the first @ would be shown as the host, and is a part of the password.
        raise SettingInvalid(
            "DATABASE_URL has more than one @; write one in a user or password as %40"
        )
    return address.set(drivername="postgresql+psycopg")


def _translate(context: ExceptionContext) -> None:
    """Raises DatabaseUnreachable for what comes of the server's state and not of our statements."""
    cause = context.original_exception
    if not isinstance(cause, Exception):
        return  # Ctrl-C, which SQLAlchemy takes for a lost connection too
    hidden = cause.__context__
    refused = isinstance(cause, psycopg.ProgrammingError) and cause.sqlstate is None
    if refused and _is_from_outside(hidden):
        raise hidden
    if (
        context.is_disconnect
        or isinstance(context.sqlalchemy_exception, OperationalError | InterfaceError)
        or isinstance(cause, psycopg.errors.ReadOnlySqlTransaction)  # demoted, or not yet promoted
    ):
        where = _where(context.engine.url) if context.engine is not None else "the database"
        raise DatabaseUnreachable(
            f"Postgres at {where} does not serve us: {_first_line(cause)}. "
            "Check that it runs and what DATABASE_URL says."
        ) from None


def _is_from_outside(error: BaseException | None) -> TypeGuard[BaseException]:
    """Checks that something other than Postgres broke a statement off: Ctrl-C, a time limit.

    Where that statement was the question whether a pooled connection lives, SQLAlchemy tidies up a
    connection that is still busy, and what comes of that hides it. That is no answer of the server:
    the client itself refuses (no SQLSTATE).
    """
    return error is not None and not isinstance(error, psycopg.Error)


def _where(url: URL) -> str:
    host = url.host or url.query.get("host") or "the local socket"
    port = f":{url.port}" if url.port else ""
    return f"{host}{port}/{url.database or ''}"


def _first_line(error: BaseException) -> str:
    """Returns an error's message without its long list of hints."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
