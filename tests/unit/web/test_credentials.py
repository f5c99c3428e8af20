"""Tests of the credentials in HKPLATES_WEB_USERS and HKPLATES_WEB_TOKENS."""

import argon2
import pytest

from hkplates.errors import SettingInvalid
from web.auth.credentials import (
    NAME_PATTERN,
    TooManyLogins,
    Users,
    read_tokens,
    read_users,
    token_entry,
    user_entry,
)
from web.auth.principal import Principal

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def ada() -> str:
    return user_entry("ada", "reviewer", PASSWORD)


@pytest.fixture(scope="module")
def bob() -> str:
    return user_entry("bob@example.org", "reader", PASSWORD * 2)


def test_who_has_a_password_is_proven_by_it_and_by_nothing_else(ada: str) -> None:
    users = read_users(ada)
    proven = users.authenticate("ada", PASSWORD)
    assert proven is not None
    assert (proven.name, proven.role) == ("ada", "reviewer")
    assert users.authenticate("ada", PASSWORD + " ") is None
    assert users.authenticate("ada", "") is None
    assert users.authenticate("eve", PASSWORD) is None


@pytest.mark.parametrize("between", [",", "\n", " ,\n ", "\r\n\r\n"])
def test_entries_are_parted_by_commas_or_lines(ada: str, bob: str, between: str) -> None:
    users = read_users(f"\n{ada}{between}{bob}\n")
    assert users.authenticate("ada", PASSWORD) is not None
    proven = users.authenticate("bob@example.org", PASSWORD * 2)
    assert proven is not None
    assert proven.role == "reader"


def test_nobody_is_named_where_nothing_stands() -> None:
    assert not read_users("")
    assert not read_users(" \n")
    assert read_tokens("").find("") is None


def test_a_wrong_entry_is_told_by_its_place_and_never_with_its_hash(ada: str) -> None:
    digest = ada.split(":", 2)[2]
    wrong = {
        "ada": "entry 1 is not of the form",
        f"ada:chief:{digest}": r"entry 1 \(ada\) expected the role reader or reviewer",
        f"a b:reader:{digest}": "entry 1: a name has",
        f"local:reader:{digest}": "'local' is everybody",
        f"{ada},{ada}": "names 'ada' twice",
        f"{ada},bob:reader:{PASSWORD}": r"entry 2 \(bob\) does not end with a whole hash",
        f"ada:reader:{digest[:-5]}$": "whole hash",
        "ada:reader:" + argon2.PasswordHasher(type=argon2.Type.I).hash(PASSWORD): "whole hash",
        "ada:reader:" + argon2.PasswordHasher().hash(""): "whole hash",
    }
    for text, message in wrong.items():
        with pytest.raises(SettingInvalid, match=message) as raised:
            read_users(text)
        assert "HKPLATES_WEB_USERS cannot be used" in str(raised.value)
        assert digest not in str(raised.value)
        assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 1025])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="a password has 12 to 1,024 characters"):
        user_entry("ada", "reader", password)


@pytest.mark.parametrize("name", ["", "a:b", "a,b", "a b", "x" * 65, "local", "<b>", "a\n"])
def test_a_name_that_would_break_its_entry_is_refused(name: str) -> None:
    assert name == "local" or not NAME_PATTERN.fullmatch(name)
    with pytest.raises(ValueError, match="name"):
        user_entry(name, "reader", PASSWORD)


def test_a_token_is_known_by_its_hash_and_acts_under_a_name_no_user_has() -> None:
    token, entry = token_entry("lab", "reader")
    other, _ = token_entry("lab", "reviewer")
    tokens = read_tokens(entry)
    assert tokens.find(token) == Principal("token:lab", "reader")
    assert tokens.find(other) is None
    assert tokens.find(entry.split(":")[2]) is None  # whoever reads the setting has no token
    assert token not in entry


@pytest.mark.parametrize("token", ["", "\udcff", "車", "x" * 100_000])
def test_what_is_no_token_is_nobodys(token: str) -> None:
    assert read_tokens(token_entry("lab", "reader")[1]).find(token) is None


@pytest.mark.parametrize("entry", ["lab:reader:abc", "lab:reader:" + "G" * 64, "lab:reader"])
def test_a_wrong_token_entry_is_refused(entry: str) -> None:
    with pytest.raises(SettingInvalid, match="HKPLATES_WEB_TOKENS cannot be used: entry 1"):
        read_tokens(entry)


def test_an_unknown_name_costs_a_hash_as_a_wrong_password_does(
    ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = read_users(ada)
    looked: list[str] = []

    class Looking:
        def verify(self, secret_hash: str, password: str) -> bool:
            looked.append(secret_hash)
            return argon2.PasswordHasher().verify(secret_hash, password)

    monkeypatch.setattr("web.auth.credentials._HASHER", Looking())
    assert users.authenticate("ada", "wrong") is None
    assert users.authenticate("nobody", "wrong") is None
    assert len(looked) == 2
    first, second = map(argon2.extract_parameters, looked)
    assert first == second


def test_too_many_at_once_are_sent_away(ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Users, "MAX_CONCURRENT", 0)
    monkeypatch.setattr(Users, "MAX_WAIT_SECONDS", 0.01)
    with pytest.raises(TooManyLogins, match="try again"):
        read_users(ada).authenticate("ada", PASSWORD)


def test_no_hash_is_in_what_an_entry_shows_of_itself(ada: str) -> None:
    found = read_users(ada).find("ada")
    assert found is not None
    assert "argon2" not in repr(found)
