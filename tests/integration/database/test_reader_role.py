"""Tests that a login with the role hkplates_reader reads everything and changes nothing."""

import secrets
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from servers.processes import hkplates, variables

TABLES = (
    "alembic_version",
    "audit",
    "confusable_characters",
    "earlier_versions",
    "images",
    "model_versions",
    "plates",
    "reviews",
    "submissions",
)
HIDDEN = "audit"
"""Who asked for what is not for everybody to read."""


@pytest.fixture(scope="module")
def colleague(seeded_url: str) -> Iterator[str]:
    """A login that was given the role, as docs/sql.md says it; and is taken back so."""
    name = f"colleague_{secrets.token_hex(4)}"
    quoted = sql.Identifier(name)
    with psycopg.connect(seeded_url, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE hkplates_reader").format(quoted))
        yield name
        owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(quoted))


@pytest.fixture
def reader(seeded_url: str, colleague: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(_as(colleague, seeded_url), autocommit=True) as connection:
        yield connection


def _as(name: str, url: str) -> str:
    # The embedded server asks the system who connects, so the session takes on the role.
    options = quote(f"-c role={name}")
    return f"{url}{'&' if '?' in url else '?'}options={options}"


def test_the_reader_is_nobody_else(reader: psycopg.Connection) -> None:
    found = reader.execute("SELECT user, rolsuper FROM pg_roles WHERE rolname = user")
    name, powerful = found.fetchone() or ("", True)
    assert name.startswith("colleague_")
    assert not powerful


def test_the_reader_reads_every_table_but_one_and_the_view(reader: psycopg.Connection) -> None:
    found = reader.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    assert tuple(name for [name] in found) == TABLES
    for name in ({*TABLES} - {HIDDEN}) | {"sightings"}:
        query = sql.SQL("SELECT count(*) > 0 FROM {}").format(sql.Identifier(name))
        assert reader.execute(query).fetchone() == (True,), name
    assert reader.execute("SELECT mark FROM search_marks('AB1234') LIMIT 1").fetchone()
    with pytest.raises(InsufficientPrivilege):
        reader.execute("SELECT FROM audit")


def test_the_reader_reads_tables_that_come_later(colleague: str, database_url: str) -> None:
    with psycopg.connect(database_url) as owner:
        owner.execute("CREATE TABLE later AS SELECT 7 AS number")
    with psycopg.connect(_as(colleague, database_url)) as reader:
        assert reader.execute("SELECT number FROM later").fetchone() == (7,)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} DEFAULT VALUES",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
        "SELECT FROM {} FOR UPDATE",
        "ALTER TABLE {} ADD COLUMN more int",
        "CREATE INDEX ON {} ((1))",
        "DROP TABLE {} CASCADE",
    ],
)
def test_the_reader_changes_and_locks_no_table(
    reader: psycopg.Connection, table: str, statement: str
) -> None:
    with pytest.raises(InsufficientPrivilege):
        reader.execute(statement.replace("{}", table))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE images SET state = 'done'",
        "UPDATE plates SET mark = ''",
        "CREATE TABLE mine (a int)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "DROP VIEW sightings",
        "COMMENT ON VIEW sightings IS 'mine'",
        "SELECT nextval('images_id_seq')",
        "COPY images TO '/dev/null'",
    ],
)
def test_the_reader_makes_nothing(reader: psycopg.Connection, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        reader.execute(statement)


def test_the_reader_exports(colleague: str, seeded_url: str) -> None:
    environment = variables(_as(colleague, seeded_url))
    process = hkplates(environment, "export", "--mark", "KL77", "--format", "jsonl")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out.count("\n"), err) == (0, 2, "")
