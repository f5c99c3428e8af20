"""Reads that see the database as it stands at one moment, in constant memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa


@contextmanager
def snapshot(engine: sa.Engine, *, planned_for_all_rows: bool = True) -> Iterator[sa.Connection]:
    """Opens a read-only transaction whose statements all see the same moment.

    With `planned_for_all_rows` Postgres plans its cursors for all their rows, and not for the first
    tenth of them, as it does by default.

    Raises:
        DatabaseUnreachable: Postgres does not answer, or went away.
    """
    with engine.connect() as connection:
        connection = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        if planned_for_all_rows:
            connection.execute(sa.text("SET LOCAL cursor_tuple_fraction = 1"))
        yield connection


@contextmanager
def stream_rows(
    connection: sa.Connection,
    query: sa.Executable,
    values: Mapping[str, Any] | None = None,
    *,
    batch_rows: int,
) -> Iterator[sa.CursorResult[*tuple[Any, ...]]]:
    """Executes a query by a server-side cursor, of which `batch_rows` rows are held at most."""
    options = {"stream_results": True, "max_row_buffer": batch_rows}
    with connection.execute(query, values, execution_options=options) as rows:
        yield rows
