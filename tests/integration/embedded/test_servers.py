"""Tests the embedded servers: started once, found again, stopped, whatever died in between."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from hkplates.embedded import postgres
from hkplates.embedded import servers as embedded
from hkplates.errors import ServersNotRunning, SetupError
from hkplates.settings import read_settings


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Servers made once: that takes most of the time."""
    folder = Path(tempfile.mkdtemp(prefix="hkplates embedded "))
    folder.chmod(0o755)
    embedded.start(folder / "data")
    yield folder / "data"
    embedded.stop(folder / "data")
    shutil.rmtree(folder)


@pytest.fixture
def data(made: Path) -> Iterator[Path]:
    """Makes a data folder whose servers are made and do not run."""
    embedded.stop(made)
    yield made
    embedded.stop(made)


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split()[0])


def valkey_pid(data: Path) -> int:
    return int((data / "valkey" / "server.pid").read_text())


def rows(servers: embedded.Servers) -> int:
    with psycopg.connect(servers.database_url) as connection:
        found = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert found is not None
    return int(found[0])


def keep_something(servers: embedded.Servers) -> None:
    with psycopg.connect(servers.database_url) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    with redis.Redis.from_url(servers.broker_url) as client:
        client.delete("kept")
        client.lpush("kept", "one")


def test_servers_keep_what_they_hold_over_a_stop_and_a_second_start(data: Path) -> None:
    first = embedded.start(data)
    keep_something(first)
    assert embedded.stop(data) is True
    assert embedded.running(data) is None
    second = embedded.start(data)
    assert second == first
    assert rows(second) == 1
    with redis.Redis.from_url(second.broker_url) as client:
        assert client.llen("kept") == 1
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_starting_what_runs_changes_nothing(data: Path) -> None:
    first = embedded.start(data)
    before = postmaster(data), valkey_pid(data)
    assert embedded.start(data) == first
    assert (postmaster(data), valkey_pid(data)) == before


def test_servers_outlive_the_program_that_started_them(data: Path) -> None:
    program = (
        "import sys, pathlib; from hkplates.embedded import servers as embedded; "
        "embedded.start(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, str(data)], check=True, timeout=60)
    assert embedded.running(data) is not None


def test_servers_killed_hard_start_again_with_what_they_held(data: Path) -> None:
    keep_something(servers := embedded.start(data))
    with redis.Redis.from_url(servers.broker_url) as client:
        client.execute_command("WAITAOF", 1, 0, 2000)
    os.kill(postmaster(data), signal.SIGKILL)
    os.kill(valkey_pid(data), signal.SIGKILL)
    again = embedded.start(data)
    assert rows(again) == 1
    with redis.Redis.from_url(again.broker_url) as client:
        assert client.llen("kept") == 1


def test_a_pid_file_of_another_program_does_not_stop_a_start(data: Path) -> None:
    """Takes another program's number, as after a restart of the machine."""
    embedded.start(data)
    embedded.stop(data)
    stale = f"{os.getpid()}\n{data / 'postgres'}\n1\n5432\n\n\n 0 0\nready\n"
    (data / "postgres" / "postmaster.pid").write_text(stale)
    assert rows_after_start(data)


def rows_after_start(data: Path) -> bool:
    with psycopg.connect(embedded.start(data).database_url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_stopping_stops_the_one_that_is_left(data: Path) -> None:
    embedded.start(data)
    os.kill(valkey_pid(data), signal.SIGKILL)
    assert embedded.running(data) is None
    assert embedded.stop(data) is True
    assert not (data / "postgres" / "postmaster.pid").exists()
    assert embedded.stop(data) is False


def test_a_port_taken_since_is_replaced(data: Path) -> None:
    first = embedded.start(data)
    embedded.stop(data)
    port = int(first.broker_url.rsplit(":", 1)[1].split("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        second = embedded.start(data)
    assert second.broker_url != first.broker_url
    assert embedded.running(data) == second


def test_the_password_is_shown_nowhere_and_only_its_owner_may_read_it(data: Path) -> None:
    servers = embedded.start(data)
    password = servers.broker_url.split(":")[2].split("@")[0]
    assert password not in repr(servers)
    holders = [
        path for path in data.rglob("*") if path.is_file() and password in path.read_text("latin1")
    ]
    assert {path.name for path in holders} == {"servers.json", "valkey.conf"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holders)
    wrong = redis.Redis.from_url(servers.broker_url.replace(password, "wrong"))
    with wrong as client, pytest.raises(redis.AuthenticationError):
        client.ping()


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as another user only for root")
def test_root_may_keep_its_data_where_nobody_else_may_look(tmp_path: Path) -> None:
    data = tmp_path / "private" / "data"
    data.parent.mkdir(mode=0o700)
    cluster = postgres.cluster_folder(data / "postgres")
    try:
        assert embedded.start(data).database_url.endswith(str(cluster))
        assert embedded.running(data) is not None
        assert stat.S_IMODE(data.parent.stat().st_mode) == 0o700
    finally:
        embedded.stop(data)
        shutil.rmtree(cluster)


@pytest.fixture
def fresh() -> Iterator[Path]:
    """Makes a data folder without servers, which PostgreSQL's user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="hkplates-fresh-"))
    folder.chmod(0o755)
    yield folder / "data"
    embedded.stop(folder / "data")
    shutil.rmtree(folder)


def test_a_first_start_that_was_interrupted_is_begun_anew(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = postgres._run

    def killed(cluster: Path, program: Path, *arguments: str) -> None:
        run(cluster, program, *arguments)
        if program.name == "initdb":
            raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(postgres, "_run", killed)
        with pytest.raises(KeyboardInterrupt):
            embedded.start(fresh)
    assert [*fresh.rglob("PG_VERSION")]
    assert rows_after_start(fresh)
    assert not (fresh / "postgres.new").exists()


def test_files_of_somebody_else_in_the_clusters_place_are_kept(fresh: Path) -> None:
    (fresh / "postgres").mkdir(parents=True)
    (fresh / "postgres" / "letter").write_text("dear")
    with pytest.raises(SetupError, match="holds no PostgreSQL cluster"):
        embedded.start(fresh)
    assert (fresh / "postgres" / "letter").read_text() == "dear"


def test_a_program_that_does_not_end_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "RUN_SECONDS", 0.1)
    with pytest.raises(SetupError, match="sleep of the embedded PostgreSQL did not end"):
        postgres._run(tmp_path, Path("/bin/sleep"), "30")


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SetupError, match="set HKPLATES_DATA"):
        embedded.start(tmp_path / "file" / "data")


def test_servers_of_another_user_are_named(tmp_path: Path) -> None:
    (tmp_path / "servers.json").write_text("{}")
    program = (
        "import os, sys, pathlib; from hkplates import errors\n"
        "from hkplates.embedded import servers as embedded\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "for what in (embedded.running, embedded.start, embedded.stop):\n"
        "    try: what(pathlib.Path(sys.argv[1]))\n"
        "    except errors.SetupError as error: print(error)\n"
    )
    reachable = Path(tempfile.mkdtemp())
    shutil.copy(tmp_path / "servers.json", reachable)
    (reachable / "servers.json").chmod(0o000)
    reachable.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, str(reachable)], capture_output=True, text=True
        )
    finally:
        reachable.chmod(0o755)
        shutil.rmtree(reachable)
    assert done.stdout.count("set HKPLATES_DATA") == 3, done.stderr


def test_urls_that_are_set_win_over_embedded_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/db")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/0")
    assert embedded.resolve_urls(read_settings()) == (
        "postgresql://elsewhere/db",
        "redis://elsewhere/0",
    )


def test_without_urls_and_servers_the_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HKPLATES_DATA", str(tmp_path / "none"))
    with pytest.raises(ServersNotRunning, match="hkplates up"):
        embedded.resolve_urls(read_settings())
