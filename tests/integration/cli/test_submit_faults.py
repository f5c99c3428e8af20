"""Tests the errors of `hkplates`: one sentence, a status, no secret."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from servers.processes import eventually
from servers.s3 import S3

from cli.main import main

SECRETS = ("hidden-key", "hidden-password")
NOBODY = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "hidden-key",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_DEFAULT_REGION": "us-east-1",
}


Command = Callable[..., tuple[int, str]]


@pytest.fixture
def servers(database_url: str, broker_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "CELERY_BROKER_URL": broker_url}


@pytest.fixture
def bucket(s3: S3) -> Any:
    """Makes a bucket that holds one object, which is no image."""
    client = s3.client()
    client.create_bucket(Bucket="faults")
    client.put_object(Bucket="faults", Key="notes/readme.txt", Body=b"words")
    yield client
    client.delete_object(Bucket="faults", Key="notes/readme.txt")
    client.delete_bucket(Bucket="faults")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_text("pixels")
    return folder


def environment(*variables: dict[str, str]) -> dict[str, str]:
    merged = {"PATH": os.environ["PATH"], "HKPLATES_DATA": "/nowhere/hkplates"}
    for more in variables:
        merged.update(more)
    return merged


@pytest.fixture
def hkplates(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process; returns its status and standard error."""

    def run(arguments: list[str], *variables: dict[str, str]) -> tuple[int, str]:
        for name, value in environment(*variables).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["hkplates", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert said.out == ""
        assert not [secret for secret in SECRETS if secret in said.err]
        return int(ended.value.code or 0), said.err

    return run


def assert_one_sentence(said: str, *words: str) -> None:
    lines = said.splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("hkplates: ")
    for word in words:
        assert word in said


def test_a_missing_bucket(servers: dict[str, str], s3: S3) -> None:
    """Runs a program of its own, so that nothing that the tests loaded hides a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "submit", "s3://no-such-bucket/x"],
        capture_output=True,
        text=True,
        env=environment(servers, s3.environment()),
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert_one_sentence(done.stderr, "There is no bucket no-such-bucket", "check its name")


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_may_not_be_listed(
    hkplates: Command, servers: dict[str, str], s3: S3
) -> None:
    if not s3.stranger_access_key:
        pytest.skip("HKPLATES_TEST_S3_STRANGER_ACCESS_KEY names no second user")
    status, said = hkplates(["submit", "s3://faults/"], servers, s3.stranger_environment())
    assert status == 3
    assert_one_sentence(said, "may not list the bucket faults", "s3:ListBucket")


def test_credentials_that_the_server_does_not_know(
    hkplates: Command, servers: dict[str, str], s3: S3
) -> None:
    variables = {**s3.environment(), **NOBODY}
    status, said = hkplates(["submit", "s3://faults/"], servers, variables)
    assert status == 3
    assert_one_sentence(said, "does not accept these credentials")


def test_no_credentials(hkplates: Command, servers: dict[str, str], s3: S3) -> None:
    variables = {**NOBODY, "AWS_ENDPOINT_URL_S3": s3.endpoint}
    del variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
    status, said = hkplates(["submit", "s3://faults/"], servers, variables)
    assert status == 3
    assert_one_sentence(said, "No credentials", "set AWS_ACCESS_KEY_ID")


def test_an_endpoint_that_cannot_be_reached(hkplates: Command, servers: dict[str, str]) -> None:
    variables = {**NOBODY, "AWS_ENDPOINT_URL_S3": "http://user:hidden-password@127.0.0.1:1"}
    status, said = hkplates(["submit", "s3://faults/"], servers, variables)
    assert status == 4
    assert_one_sentence(said, "127.0.0.1:1 does not answer", "AWS_ENDPOINT_URL_S3")


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("prefix", ["nothing/", "notes/"])
def test_a_prefix_without_images(
    hkplates: Command, servers: dict[str, str], s3: S3, prefix: str
) -> None:
    status, said = hkplates(["submit", f"s3://faults/{prefix}"], servers, s3.environment())
    assert status == 3
    assert_one_sentence(said, f"No images lie under s3://faults/{prefix}", "Check the prefix")


def test_a_folder_without_images(
    hkplates: Command, servers: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").touch()
    status, said = hkplates(["submit", str(tmp_path)], servers)
    assert status == 3
    assert_one_sentence(said, f"No images lie in the folder {tmp_path}", "Check the path")
    assert "prefix" not in said


def test_a_folder_that_is_not_there(hkplates: Command, servers: dict[str, str]) -> None:
    status, said = hkplates(["submit", "/no/such/folder"], servers)
    assert status == 3
    assert_one_sentence(said, "There is no folder /no/such/folder", "s3://car-park/")


def test_a_source_of_another_kind(hkplates: Command, servers: dict[str, str]) -> None:
    status, said = hkplates(["submit", "ftp://user:hidden-password@host/x"], servers)
    assert status == 3
    assert_one_sentence(said, "ftp:// cannot be read")


def test_a_database_that_is_away(hkplates: Command, servers: dict[str, str], photos: Path) -> None:
    away = {"DATABASE_URL": "postgresql://user:hidden-password@127.0.0.1:1/plates"}
    status, said = hkplates(["submit", str(photos)], servers, away)
    assert status == 4
    assert_one_sentence(said, "Postgres at 127.0.0.1:1/plates", "DATABASE_URL")


def test_a_broker_that_is_away(hkplates: Command, servers: dict[str, str], photos: Path) -> None:
    away = {"CELERY_BROKER_URL": "redis://:hidden-password@127.0.0.1:1/0"}
    status, said = hkplates(["submit", str(photos)], servers, away)
    assert status == 4
    assert_one_sentence(said, "Redis at 127.0.0.1:1 does", "CELERY_BROKER_URL")


@pytest.mark.parametrize("command", [["submit", "/"], ["status"]])
def test_a_database_that_was_not_migrated(
    hkplates: Command, empty_database_url: str, servers: dict[str, str], command: list[str]
) -> None:
    status, said = hkplates(command, servers, {"DATABASE_URL": empty_database_url})
    assert status == 5
    assert_one_sentence(said, "has no hkplates tables", "Run: hkplates migrate")


def test_migrating_a_database_that_is_newer(hkplates: Command, servers: dict[str, str]) -> None:
    with psycopg.connect(servers["DATABASE_URL"]) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    status, said = hkplates(["migrate"], servers)
    assert status == 5
    assert_one_sentence(said, "newer than", "Update hkplates")


def test_migrating_a_database_that_is_not_ours(hkplates: Command, servers: dict[str, str]) -> None:
    with psycopg.connect(servers["DATABASE_URL"]) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    status, said = hkplates(["migrate"], servers)
    assert status == 5
    assert_one_sentence(said, "migration 0000", "Check DATABASE_URL")


def test_migrating_without_the_right_to_make_tables(
    hkplates: Command, servers: dict[str, str], empty_database_url: str
) -> None:
    role = f"hkplates_reader_{secrets.token_hex(4)}"
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    try:
        # The same login, with the rights of somebody who may not make tables.
        limited = f"{empty_database_url}{'&' if '?' in empty_database_url else '?'}"
        url = {"DATABASE_URL": f"{limited}options=-crole%3D{role}"}
        status, said = hkplates(["migrate"], servers, url)
    finally:
        with psycopg.connect(empty_database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    assert status == 5
    assert_one_sentence(said, "may not make the tables", "grant")


@pytest.mark.parametrize("command", [["submit", "/"], ["status"], ["migrate"]])
def test_servers_that_nobody_named(hkplates: Command, command: list[str]) -> None:
    status, said = hkplates(command)
    assert status == 5
    assert_one_sentence(said, "hkplates up")


@pytest.mark.parametrize(
    "wrong",
    [
        {"DATABASE_URL": "mysql://user:hidden-password@host/x"},
        {"CELERY_BROKER_URL": "amqp://user:hidden-password@host/x"},
        {"CELERY_BROKER_URL": "redis://:hidden-password@host/x"},
        {"DATABASE_URL": "postgresql://user:hidden-password@host/x?no_such_option=1"},
        {"HKPLATES_CHUNK_IMAGES": "many"},
    ],
)
def test_a_wrong_setting(
    hkplates: Command, servers: dict[str, str], photos: Path, wrong: dict[str, str]
) -> None:
    status, said = hkplates(["submit", str(photos)], servers, wrong)
    assert status == 5
    assert_one_sentence(said, next(iter(wrong)))


def test_a_submission_that_does_not_exist(hkplates: Command, servers: dict[str, str]) -> None:
    status, said = hkplates(["status", "999"], servers)
    assert status == 2
    assert "there is no submission 999" in said


def test_ctrl_c_says_how_to_go_on(servers: dict[str, str], photos: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "submit", str(photos)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(servers),
    )
    assert process.stderr is not None
    first = ""
    while "1 listed" not in first:
        first += (line := process.stderr.readline())
        assert line, "it ended by itself"
    process.send_signal(signal.SIGINT)
    said = first + process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert "1 listed" in said
    assert "the same command goes on" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_in_the_middle_of_a_statement_is_no_fault_of_postgres(
    servers: dict[str, str], photos: Path, number: signal.Signals
) -> None:
    url = servers["DATABASE_URL"]
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as watch:
        other.execute("LOCK TABLE images")  # what submit asks next waits for this
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "submit", str(photos)],
            stderr=subprocess.PIPE,
            text=True,
            env=environment(servers),
        )
        waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        eventually(lambda: watch.execute(waits).fetchall(), "submit waits for the lock")
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert said == "Interrupted. Nothing is lost: the same command goes on from here.\n"
