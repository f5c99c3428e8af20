"""A worker needs no right in the database but reading and writing rows."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from servers import chunks
from servers.processes import eventually, variables, worker

SERVERS = Path(__file__).parents[2] / "servers"


@pytest.fixture
def writer_url(database_url: str) -> Iterator[str]:
    """Returns the URL of the same database for a login made as docs/operations.md says.

    The login is put on as a role when the connection is made: the embedded server lets no other
    user of the system in.
    """
    name = f"worker_{secrets.token_hex(4)}"
    login = sql.Identifier(name)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(login))
        connection.execute(sql.SQL("GRANT hkplates_writer TO {}").format(login))
        try:
            url = sa.make_url(database_url).update_query_dict({"options": f"-crole={name}"})
            yield url.render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(login))


def test_a_worker_works_as_a_login_that_may_only_write_rows(
    database_url: str, writer_url: str, broker_url: str, tmp_path: Path
) -> None:
    (tmp_path / "gate").touch()
    chunks.submit(database_url, chunks.draw(tmp_path / "p", {"a": 30, "b": 30}))
    (tmp_path / "p" / "b.png").write_bytes(b"no picture")
    chunks.send(database_url, broker_url)
    environment = variables(
        writer_url, broker_url, PYTHONPATH=str(SERVERS), GATE=str(tmp_path / "gate")
    )
    with (
        worker(environment, tmp_path / "log", app="gated", concurrency=1),
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        query = "SELECT key, state::text, reason FROM images ORDER BY key"
        eventually(
            lambda: (
                connection.execute(query).fetchall()
                == [("a.png", "done", None), ("b.png", "failed", "changed")]
            ),
            "both have their ends",
        )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE plates",
        "ALTER TABLE images ADD COLUMN mine int",
        "TRUNCATE images CASCADE",
        "CREATE ROLE other",
    ],
)
def test_such_a_login_changes_no_tables(writer_url: str, statement: str) -> None:
    with (
        psycopg.connect(writer_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
