"""Tests of the access configuration, which the page needs before it listens."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from hkplates.errors import SettingInvalid, SetupError
from hkplates.settings import Settings
from web.auth.config import read_access
from web.auth.credentials import user_entry
from web.auth.hosts import is_loopback, is_same_origin, split_host
from web.auth.paths import safe_redirect

USER = user_entry("ada", "reviewer", "correct horse battery")


def settings(folder: Path, *, users: str | None = None, secret: str | None = None) -> Settings:
    return Settings(
        data=folder / "data",
        web_users=SecretStr(users) if users else None,
        web_secret=SecretStr(secret) if secret else None,
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_on_loopback_without_users_nobody_logs_in(tmp_path: Path, host: str) -> None:
    assert read_access(settings(tmp_path), host=host).is_open


@pytest.mark.parametrize(
    ("host", "more"),
    [
        ("0.0.0.0", {}),  # noqa: S104 - it is refused
        ("::", {}),
        ("192.0.2.1", {}),
        ("plates.example.org", {}),
        ("127.0.0.1", {"trusted_hosts": ["plates.example.org"]}),
        ("127.0.0.1", {"proxies": ["127.0.0.1"]}),
    ],
)
def test_where_others_can_ask_there_must_be_users(
    tmp_path: Path, host: str, more: dict[str, list[str]]
) -> None:
    with pytest.raises(SettingInvalid, match=r"Make a user with `hkplates web-password") as raised:
        read_access(settings(tmp_path), host=host, **more)  # type: ignore[arg-type]
    assert raised.value.exit_code == 5
    access = read_access(settings(tmp_path, users=USER), host=host, **more)  # type: ignore[arg-type]
    assert not access.is_open


def test_with_users_they_log_in_on_loopback_too(tmp_path: Path) -> None:
    assert not read_access(settings(tmp_path, users=USER), host="127.0.0.1").is_open


def test_a_proxy_must_be_an_address(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="--behind-proxy expected an address"):
        read_access(settings(tmp_path, users=USER), host="127.0.0.1", proxies=["nginx"])
    access = read_access(settings(tmp_path, users=USER), host="127.0.0.1", proxies=["10.0.0.0/8"])
    assert access.is_https


def test_a_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    first = read_access(settings(tmp_path), host="localhost").secret
    second = read_access(settings(tmp_path), host="localhost").secret
    path = tmp_path / "data" / "web-secret"
    assert first == second == path.read_bytes()
    assert len(first) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["web-secret"]


def test_a_secret_that_is_given_is_not_kept(tmp_path: Path) -> None:
    access = read_access(settings(tmp_path, secret="x" * 32), host="localhost")
    assert access.secret == b"x" * 32
    assert not (tmp_path / "data").exists()


def test_a_secret_that_could_be_guessed_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="HKPLATES_WEB_SECRET") as raised:
        read_access(settings(tmp_path, secret="hunter2hunter2"), host="localhost")
    assert "hunter2" not in str(raised.value)


def test_a_secret_that_is_damaged_or_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "web-secret").write_bytes(b"short")
    with pytest.raises(SetupError, match="is damaged; remove it"):
        read_access(settings(tmp_path), host="localhost")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SetupError, match="set HKPLATES_WEB_SECRET"):
        read_access(Settings(data=tmp_path / "file"), host="localhost")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("localhost", ("localhost", None)),
        ("Plates.Example.org.:8443", ("plates.example.org", 8443)),
        ("[::1]:8000", ("::1", 8000)),
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("", None),
        ("localhost:port", None),
        ("evil.example/@localhost", None),
        ("user@localhost", None),
        ("local host", None),
        ("[::1", None),
        ("localhost:99999", None),
        (":8000", None),
        ("a\x00b", None),
    ],
)
def test_a_host_is_a_name_and_perhaps_a_port(
    header: str, expected: tuple[str, int | None] | None
) -> None:
    assert split_host(header) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("localhost", True),
        ("plates.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("notlocalhost", False),
        ("0.0.0.0", False),  # noqa: S104
        ("192.0.2.1", False),
    ],
)
def test_only_this_machine_is_loopback(name: str, expected: bool) -> None:
    assert is_loopback(name) is expected


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("https://plates.example.org", "plates.example.org", True),
        ("https://plates.example.org", "plates.example.org:443", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://localhost:8000", "localhost:8001", False),
        ("http://evil.example", "localhost", False),
        ("http://localhost.evil.example", "localhost", False),
        ("null", "localhost", False),
        ("", "localhost", False),
        ("file://localhost", "localhost", False),
        ("http://localhost:bad", "localhost", False),
    ],
)
def test_a_page_is_of_the_same_origin_where_it_has_the_same_name_and_port(
    origin: str, host: str, expected: bool
) -> None:
    assert is_same_origin(origin, host) is expected


@pytest.mark.parametrize("path", ["/", "/search?pattern=AB%3F", "/sightings/1#top", "/a//b"])
def test_after_login_one_is_led_where_one_wanted_to_go(path: str) -> None:
    assert safe_redirect(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\r\nSet-Cookie: a=b",
        " /search",
        "search",
        "/login",
        "/logout?x=1",
        "/login?next=/login",
        "///evil.example",
        "/車",
    ],
)
def test_nobody_is_led_elsewhere(path: str) -> None:
    assert safe_redirect(path) == "/"
