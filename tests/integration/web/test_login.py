"""Tests of login and tokens, and of what each role may do."""

import re

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from servers.ledgers import Ledger
from support.page_with_users import (
    PAGES,
    READER_TOKEN,
    REVIEWER_TOKEN,
    anonymous_client,
    audit_rows,
    bearer,
    form_token,
    log_in,
    logged_in_client,
    press_pause,
    submission_state,
)

UNKNOWN = ["/nowhere", "/login/", "/static", "//", "/openapi.json", "/login%3F", "/login%23"]
"""Addresses that nobody thought of, some of which look like the login's."""


@pytest.mark.parametrize("path", [*PAGES, *UNKNOWN])
def test_nothing_is_shown_to_whoever_is_not_logged_in(app: FastAPI, path: str) -> None:
    answer = anonymous_client(app).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=" if path.strip("/") else "/login")


def test_one_is_led_to_the_login_and_back(app: FastAPI) -> None:
    client = anonymous_client(app)
    sent = client.get("/search?mark=AB%3F1&exact=true").headers["location"]
    assert sent == "/login?next=%2Fsearch%3Fmark%3DAB%253F1%26exact%3Dtrue"
    form = client.get(sent)
    assert 'name="next" value="/search?mark=AB%3F1&amp;exact=true"' in form.text
    answer = log_in(client, wanted="/search?mark=AB%3F1&exact=true")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/search?mark=AB%3F1&exact=true",
    )
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_nobody_is_led_elsewhere_after_login(app: FastAPI, wanted: str) -> None:
    client = anonymous_client(app)
    assert "evil" not in client.get("/login", params={"next": wanted}).text
    assert log_in(client, wanted=wanted).headers["location"] == "/"
    answer = client.get("/login", params={"next": wanted})  # who is logged in already
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(app: FastAPI) -> None:
    client = anonymous_client(app)
    answers = [log_in(client, "ada", "wrong password"), log_in(client, "eve", "wrong password")]
    assert [answer.status_code for answer in answers] == [401, 401]
    first, second = (re.sub("[0-9a-f]{64}", "", answer.text) for answer in answers)
    assert first == second.replace('value="eve"', 'value="ada"')
    assert "do not belong together" in first
    assert client.get("/").status_code == 303


def test_the_typed_name_stays_after_a_wrong_password(app: FastAPI) -> None:
    text = log_in(anonymous_client(app), 'a"><b>', "wrong password").text
    assert 'name="name" value="a&#34;&gt;&lt;b&gt;"' in text
    assert "wrong password" not in text


def test_programs_are_told_to_send_a_token(app: FastAPI) -> None:
    answer = anonymous_client(app).get("/api/v1/submissions")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="hkplates"'
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize(
    "token",
    ["", "wrong", READER_TOKEN[:-1], READER_TOKEN + "x"],
    ids=["empty", "wrong", "cut", "longer"],  # the token is another one in each process
)
def test_an_unknown_token_is_nobodys(app: FastAPI, token: str) -> None:
    client = logged_in_client(app)  # nor does the cookie help it
    answer = client.get("/api/v1/submissions", headers=bearer(token))
    assert answer.status_code == 401
    assert "hkplates web-token" in answer.json()["detail"]
    assert token == "" or token not in answer.text


def test_a_token_opens_the_pages_its_role_opens(app: FastAPI) -> None:
    client = anonymous_client(app)
    assert client.get("/", headers=bearer(READER_TOKEN)).status_code == 200
    assert client.get("/audit", headers=bearer(READER_TOKEN)).status_code == 403
    assert client.get("/audit", headers=bearer(REVIEWER_TOKEN)).status_code == 200
    assert "set-cookie" not in client.get("/", headers=bearer(READER_TOKEN)).headers


def test_a_browser_whose_proxy_asks_for_a_password_of_its_own_logs_in_as_usual(
    app: FastAPI,
) -> None:
    client = anonymous_client(app)
    client.headers["Authorization"] = "Basic YWRhOnB3"
    assert client.get("/").status_code == 303
    assert log_in(client).status_code == 303
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("verb", ["pause", "cancel", "retry"])
def test_a_reader_sees_and_changes_nothing(
    app: FastAPI, ledger: Ledger, engine: sa.Engine, submission: int, verb: str
) -> None:
    client = logged_in_client(app, "bob")
    assert client.get(f"/submissions/{submission}").status_code == 200
    answer = client.post(
        f"/submissions/{submission}/{verb}", data={"csrf_token": form_token(client.get("/"))}
    )
    assert answer.status_code == 403
    assert "Only reviewers may do that" in answer.text
    assert submission_state(engine, submission) == "running"


def test_a_reviewer_steers(app: FastAPI, engine: sa.Engine, submission: int) -> None:
    assert press_pause(logged_in_client(app, "ada"), submission) == 303
    assert submission_state(engine, submission) == "paused"
    assert audit_rows(engine)[-1] | {"address": None} == {
        "actor": "ada",
        "action": "control",
        "subject": {"submission": submission, "verb": "pause"},
        "purpose": None,
        "address": None,
    }


def test_a_readers_token_changes_nothing_and_a_reviewers_does(
    app: FastAPI, engine: sa.Engine, submission: int
) -> None:
    client = anonymous_client(app)
    path = f"/submissions/{submission}/pause"
    assert client.post(path, headers=bearer(READER_TOKEN)).status_code == 403
    assert submission_state(engine, submission) == "running"
    assert client.post(path, headers=bearer(REVIEWER_TOKEN)).status_code == 303
    assert submission_state(engine, submission) == "paused"


def test_whatever_changes_something_needs_a_reviewer_even_where_nothing_is(app: FastAPI) -> None:
    client = logged_in_client(app, "bob")
    token = {"X-CSRF-Token": form_token(client.get("/"))}
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        assert client.request(method, "/not/yet/thought/of", headers=token).status_code == 403
