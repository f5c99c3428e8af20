"""Tests the login of `hkplates migrate --writer-login` on a server that asks for passwords."""

import secrets
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from servers.processes import PROGRAMS, variables

from cli.machine.servers import run_migrate
from hkplates.database.engine import open_engine
from hkplates.database.schema.writer_login import make_writer_login
from hkplates.embedded import postgres
from hkplates.errors import SetupError
from hkplates.settings import Settings

LOGIN = "Plates-Worker"  # a name that must be quoted
Migrate = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A PostgreSQL that lets writers in with a password only, and logs every statement."""
    folder = Path(tempfile.mkdtemp(prefix="hkplates-login-"))
    folder.chmod(0o755)
    cluster = postgres.cluster_folder(folder / "postgres")
    try:
        postgres.start(cluster)
        access = cluster / "pg_hba.conf"
        access.write_text(f"local all +hkplates_writer scram-sha-256\n{access.read_text()}")
        with psycopg.connect(postgres.url(cluster), autocommit=True) as connection:
            connection.execute("CREATE ROLE person LOGIN")
            connection.execute("CREATE ROLE maker LOGIN CREATEROLE")
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
        yield cluster
    finally:
        postgres.stop(cluster)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def migrate(cluster: Path) -> Migrate:
    """Runs `hkplates migrate` as the owner; returns the exit status and the output."""

    def run(*arguments: str, password: str = "") -> tuple[int, str]:
        done = subprocess.run(
            [str(PROGRAMS / "hkplates"), "migrate", *arguments],
            env=variables(postgres.url(cluster), HKPLATES_WRITER_PASSWORD=password),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def url(cluster: Path, password: str) -> str:
    """Returns the URL that workers are given."""
    named = sa.make_url(postgres.url(cluster)).set(username=LOGIN, password=password)
    return named.render_as_string(hide_password=False)


def test_a_worker_logs_in_with_its_password_and_changes_no_table(
    cluster: Path, migrate: Migrate
) -> None:
    password = secrets.token_hex(8)
    status, said = migrate("--writer-login", LOGIN, password=password)
    assert (status, f"The login {LOGIN} may read and write rows." in said) == (0, True), said
    with psycopg.connect(url(cluster, password), autocommit=True) as connection:
        connection.execute("INSERT INTO submissions (source) VALUES ('x')")
        connection.execute("UPDATE submissions SET name = 'y'")
        for statement in ("CREATE TABLE mine (id int)", "DROP TABLE plates", "CREATE ROLE mine"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    status_command = [str(PROGRAMS / "hkplates"), "status"]
    environment = variables(url(cluster, password))
    assert b"listing" in subprocess.check_output(status_command, env=environment)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url(cluster, "wrong"))


def test_migrating_again_changes_the_password_which_no_log_shows(
    cluster: Path, migrate: Migrate
) -> None:
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    for password in (first, second):
        assert migrate("--writer-login", LOGIN, password=password)[0] == 0
    psycopg.connect(url(cluster, second)).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url(cluster, first))
    log = (cluster / "server.log").read_text()
    assert f'ROLE "{LOGIN}" LOGIN PASSWORD' in log
    assert first not in log
    assert second not in log


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        pytest.param("other", "", "HKPLATES_WRITER_PASSWORD is not set", id="no password"),
        pytest.param("hkplates", "x", "hkplates is the login you migrate as", id="the owner"),
        pytest.param("person", "x", "person is the login of somebody", id="a person"),
    ],
)
def test_what_cannot_be_a_writers_login_is_refused(
    migrate: Migrate, name: str, password: str, words: str
) -> None:
    status, said = migrate("--writer-login", name, password=password)
    assert status == 5
    assert words in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("", "needs a name", id="empty"),
        pytest.param(" ", "needs a name", id="blank"),
        pytest.param("a\nb", "needs a name", id="two lines"),
        pytest.param("\udcff", "needs a name", id="no text"),
        pytest.param("hkplates_writer", "is the role that writers belong to", id="the role"),
        pytest.param("public", "Postgres keeps for itself", id="public"),
        pytest.param("none", "Postgres keeps for itself", id="none"),
        pytest.param("pg_foo", "Postgres keeps for itself", id="of Postgres"),
        pytest.param("車" * 22, "is longer than 63 bytes", id="long"),
    ],
)
def test_what_is_no_name_for_a_login_is_refused_before_the_database_is_asked(
    monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/away")
    monkeypatch.setenv("HKPLATES_WRITER_PASSWORD", "x")
    with pytest.raises(SetupError, match=words):
        run_migrate(Settings(), name, as_json=False)


def test_a_name_of_63_bytes_is_one(cluster: Path, migrate: Migrate) -> None:
    assert migrate("--writer-login", "車" * 21, password="x")[0] == 0
    with psycopg.connect(postgres.url(cluster)) as connection:
        found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", ["車" * 21])
        assert found.rowcount == 1


def refusal(cluster: Path, options: str) -> str:
    """Returns the error of making a login on a connection with such options."""
    address = sa.make_url(postgres.url(cluster)).update_query_dict({"options": options})
    engine = open_engine(address.render_as_string(hide_password=False))
    with pytest.raises(SetupError) as refused:
        make_writer_login(engine, "later", "x")
    engine.dispose()
    said = str(refused.value)
    assert "SCRAM" not in "".join(traceback.format_exception(refused.value))
    assert len(said.splitlines()) == 1
    return said


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("person", "permission denied to create role"),
        ("maker", 'permission denied to grant role "hkplates_writer"'),  # from PostgreSQL 16 on
    ],
)
def test_who_may_make_no_login_is_told_what_it_takes(
    cluster: Path, migrate: Migrate, user: str, words: str
) -> None:
    assert migrate()[0] == 0
    said = refusal(cluster, f"-c role={user}")
    assert f"may not make the login later ({words})" in said
    assert "CREATEROLE, and with ADMIN on hkplates_writer" in said


def test_whatever_else_postgres_refuses_is_told_without_the_statement(
    cluster: Path, migrate: Migrate
) -> None:
    assert migrate()[0] == 0
    assert refusal(cluster, "-c default_transaction_read_only=on") == (
        "Postgres does not make the login later: "
        "cannot execute CREATE ROLE in a read-only transaction"
    )
