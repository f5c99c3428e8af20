"""`hkplates web`, `web-password` and `web-token`, as they are typed."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from servers.processes import eventually, hkplates, variables
from support.page_with_users import ADA, PASSWORD, READER_TOKEN, bearer
from typer.testing import CliRunner

from cli.main import app, main
from web.auth.credentials import read_tokens, read_users, token_digest
from web.server import MAX_CONNECTIONS

Command = Callable[..., str]


@pytest.fixture
def typed(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Iterator[Command]:
    """Runs a command that fails; returns its standard error."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("HKPLATES_DATA", str(tmp_path))

    def run(*arguments: str, status: int) -> str:
        monkeypatch.setattr(sys, "argv", ["hkplates", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == status
        return capsys.readouterr().err

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


# --- Who may -------------------------------------------------------------------------------------


def test_a_password_is_asked_for_twice_and_never_shown() -> None:
    made = CliRunner().invoke(
        app, ["web-password", "ada", "--role", "reviewer"], input=f"{PASSWORD}\n{PASSWORD}\n"
    )
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    proven = read_users(made.stdout.splitlines()[-1]).authenticate("ada", PASSWORD)
    assert proven is not None
    assert proven.role == "reviewer"
    assert "HKPLATES_WEB_USERS" in made.stderr
    assert "single quotes" in made.stderr


def test_a_password_that_is_typed_differently_is_asked_for_again() -> None:
    made = CliRunner().invoke(
        app, ["web-password", "ada"], input=f"{PASSWORD}\nanother\n{PASSWORD}\n{PASSWORD}\n"
    )
    assert made.exit_code == 0
    proven = read_users(made.stdout.splitlines()[-1]).authenticate("ada", PASSWORD)
    assert proven is not None
    assert proven.role == "reader"


def test_a_program_may_give_the_password_on_standard_input() -> None:
    made = CliRunner().invoke(app, ["web-password", "ada", "--stdin"], input=PASSWORD + "\n")
    assert read_users(made.stdout).authenticate("ada", PASSWORD) is not None


@pytest.mark.parametrize(
    ("arguments", "password", "message"),
    [
        (["ada", "--stdin"], "too short", "12 to 1,024 characters"),
        (["ada:b", "--stdin"], PASSWORD, "a name has"),
        (["local", "--stdin"], PASSWORD, "choose another name"),
        (["ada", "--role", "chief", "--stdin"], PASSWORD, "chief"),
    ],
)
def test_what_can_be_no_user_is_told(arguments: list[str], password: str, message: str) -> None:
    made = CliRunner().invoke(app, ["web-password", *arguments], input=password)
    assert made.exit_code == 2
    assert message in " ".join(re.sub("[│╭╮╰╯─]", " ", made.stderr).split())
    assert password not in made.output
    assert made.stdout == ""


def test_a_token_is_shown_once_beside_its_entry() -> None:
    made = CliRunner().invoke(app, ["web-token", "lab"])
    token, entry = (line.strip() for line in made.stdout.splitlines() if line.startswith("  "))
    assert token.startswith("hkp_")
    assert entry == f"lab:reader:{token_digest(token)}"
    found = read_tokens(entry).find(token)
    assert found is not None
    assert found.name == "token:lab"


# --- Starting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [("--host", "0.0.0.0"), ("--trusted-host", "a.example"), ("--behind-proxy", "127.0.0.1")],  # noqa: S104
)
def test_it_does_not_listen_for_others_without_users(
    typed: Command, arguments: tuple[str, ...]
) -> None:
    said = typed("web", *arguments, status=5)
    assert "hkplates web-password" in said
    assert "HKPLATES_WEB_USERS" in said


def test_what_cannot_be_used_is_named_and_not_shown(
    typed: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HKPLATES_WEB_USERS", f"ada:reviewer:{PASSWORD}")
    said = typed("web", status=5)
    assert "HKPLATES_WEB_USERS cannot be used: entry 1 (ada)" in said
    assert PASSWORD not in said


def test_a_place_where_it_cannot_listen_is_told(
    typed: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1, port {port}" in typed(
            "web", "--port", str(port), status=5
        )
    monkeypatch.setenv("HKPLATES_WEB_USERS", ADA)
    said = typed("web", "--host", "nowhere.invalid", status=5)
    assert "cannot listen on nowhere.invalid" in said


def test_a_database_that_is_away_or_not_migrated_is_told(
    typed: Command, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert "hkplates migrate" in typed("web", status=5)
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:s3cret@127.0.0.1:1/hkplates")
    said = typed("web", status=4)
    assert "does not serve us" in said
    assert "s3cret" not in said


# --- Serving -------------------------------------------------------------------------------------


@contextmanager
def serving(
    environment: Mapping[str, str], *arguments: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Starts a page that listens; yields its process and URL."""
    process = hkplates(environment, "web", "--port", "0", *arguments)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://[^ ]+:\d+", line)
        assert found, line + process.stderr.read()
        yield process, found[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    return variables(database_url, HKPLATES_DATA=str(tmp_path))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_serves_until_it_is_stopped(
    environment: dict[str, str], number: signal.Signals, status: int
) -> None:
    with serving(environment) as (process, address):
        assert httpx2.get(f"{address}/healthz").text == "well\n"
        assert "<h1>Submissions</h1>" in httpx2.get(address).text
        process.send_signal(number)
        assert process.wait(30) == status


def test_who_listens_to_others_without_a_proxy_is_warned(environment: dict[str, str]) -> None:
    with serving(guarded(environment), "--host", "0.0.0.0") as (process, _):  # noqa: S104
        assert process.stderr is not None
        assert "passwords reach it over plain HTTP" in process.stderr.readline()


def test_of_too_many_connections_more_are_refused(environment: dict[str, str]) -> None:
    with serving(environment) as (_, address), ExitStack() as opened:
        place = ("127.0.0.1", int(address.rpartition(":")[2]))
        for _ in range(MAX_CONNECTIONS):
            half_sent = opened.enter_context(socket.create_connection(place, timeout=10))
            half_sent.sendall(b"GET / HTTP/1.1\r\n")
        assert httpx2.get(f"{address}/healthz", timeout=30).status_code == 503
        opened.close()
        well = f"{address}/healthz"
        eventually(lambda: httpx2.get(well).status_code == 200, "the page answers again", 30)


STOPPED_BEFORE_SERVING = """
import os, signal
from cli.submissions.next_steps import format_step
from hkplates.settings import Settings
from hkplates.signals import StopSignal
from web.listen_address import ListenAddress
from web.server import serve

stop = StopSignal()
stop.install_handlers()
serve(
    Settings(),
    ListenAddress(port=0),
    format_step,
    lambda line: os.kill(os.getpid(), signal.SIGTERM),
    lambda: stop.requested,
)
"""


def test_it_stops_where_that_is_requested_before_it_serves(environment: dict[str, str]) -> None:
    program = [sys.executable, "-c", STOPPED_BEFORE_SERVING]
    assert subprocess.run(program, env=environment, timeout=60).returncode == 0


def guarded(environment: dict[str, str]) -> dict[str, str]:
    entry = f"lab:reader:{token_digest(READER_TOKEN)}"
    return environment | {"HKPLATES_WEB_USERS": ADA, "HKPLATES_WEB_TOKENS": entry}


def test_users_and_tokens_come_from_the_environment(environment: dict[str, str]) -> None:
    with serving(guarded(environment)) as (_, address):
        assert "<h1>Log in</h1>" in httpx2.get(address, follow_redirects=True).text
        submissions = f"{address}/api/v1/submissions"
        assert httpx2.get(submissions).status_code == 401
        answer = httpx2.get(submissions, headers=bearer(READER_TOKEN))
        assert answer.json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("arguments", "noted"),
    [((), "127.0.0.1"), (("--behind-proxy", "127.0.0.1"), "192.0.2.7")],
)
def test_only_a_proxy_that_was_named_is_believed(
    environment: dict[str, str], engine: sa.Engine, arguments: tuple[str, ...], noted: str
) -> None:
    passed_on = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    with serving(guarded(environment), *arguments) as (_, address):
        search = f"{address}/api/v1/search?mark=AB1234"
        assert httpx2.get(search, headers=passed_on | bearer(READER_TOKEN)).status_code == 200
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT address FROM audit")).scalars().all() == [noted]
