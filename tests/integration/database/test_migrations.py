"""Tests migrations on a real Postgres: whole, repeatable, and equal to the tables."""

import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from hkplates.database.engine import open_engine
from hkplates.database.schema.migrate import Migrated, config, migrate
from hkplates.database.schema.revision import REVISION, current_revision, require_current_schema
from hkplates.errors import SchemaNotCurrent, SettingInvalid


def test_a_new_database_comes_to_the_newest_migration(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    assert migrate(engine) == Migrated(None, REVISION)
    assert migrate(engine) == Migrated(REVISION, REVISION)
    require_current_schema(engine)
    engine.dispose()


def test_migrations_and_tables_say_the_same(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        command.check(config(connection))
    engine.dispose()


def test_a_migration_can_be_taken_back(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    migrate(engine)
    with engine.connect() as connection:
        command.downgrade(config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
        connection.rollback()
    assert migrate(engine) == Migrated(None, REVISION)
    engine.dispose()


def test_two_migrations_at_the_same_moment_are_safe(empty_database_url: str) -> None:
    script = (
        "import sys; from hkplates.database.schema.migrate import migrate; "
        "from hkplates.database.engine import open_engine; "
        "print(migrate(open_engine(sys.argv[1])).after)"
    )
    command_line = [sys.executable, "-c", script, empty_database_url]
    both = [subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [REVISION] * 2


def test_the_program_asks_for_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == REVISION


def test_every_table_and_column_says_what_it_is(database_url: str) -> None:
    engine = open_engine(database_url)
    query = sa.text("""
        SELECT c.relname || coalesce('.' || a.attname, '')
          FROM pg_class c
          LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
           AND c.relname <> 'alembic_version'
           AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
    """)
    with engine.connect() as connection:
        assert list(connection.execute(query).scalars()) == []
    engine.dispose()


def test_an_unmigrated_database_is_refused(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with pytest.raises(SchemaNotCurrent, match="Run: hkplates migrate"):
        require_current_schema(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("found", "message"), [("0000", "Run: hkplates migrate"), ("9999", "Update hkplates")]
)
def test_a_database_at_another_migration_is_refused(
    database_url: str, found: str, message: str
) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": found})
        assert current_revision(connection) == found
    with pytest.raises(SchemaNotCurrent, match=message):
        require_current_schema(engine)
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["mysql://u:s3cret@h/d", "not a url s3cret", "postgres://u:s3cret@h:x/d"]
)
def test_what_is_no_postgres_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingInvalid, match="DATABASE_URL is not a Postgres URL") as caught:
        open_engine(url)
    assert "s3cret" not in str(caught.value)
