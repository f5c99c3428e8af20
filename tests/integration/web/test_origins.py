"""Tests that foreign pages, host names and proxies make the page do nothing."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from support.page_with_users import (
    HOST,
    ORIGIN,
    PASSWORD,
    anonymous_client,
    audit_rows,
    form_token,
    logged_in_client,
    press_pause,
    submission_state,
)


@pytest.mark.parametrize("made", ["app", "local"])
@pytest.mark.parametrize(
    ("data", "headers"),
    [
        pytest.param({}, {}, id="no token"),
        pytest.param({"csrf_token": "0" * 64}, {}, id="a wrong token"),
        pytest.param({"csrf_token": "é車"}, {}, id="no token at all"),
        pytest.param({}, {"X-CSRF-Token": "0" * 64}, id="a wrong header"),
    ],
)
def test_a_form_without_the_token_of_its_session_is_refused(
    request: pytest.FixtureRequest,
    engine: sa.Engine,
    submission: int,
    made: str,
    data: dict[str, str],
    headers: dict[str, str],
) -> None:
    client = whoever(request, made)
    answer = client.post(f"/submissions/{submission}/pause", data=data, headers=headers)
    assert answer.status_code == 403
    assert "reload the page and try again" in answer.text
    assert submission_state(engine, submission) == "running"


@pytest.mark.parametrize("made", ["app", "local"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_elsewhere_changes_nothing_even_with_the_token(
    request: pytest.FixtureRequest,
    engine: sa.Engine,
    submission: int,
    made: str,
    headers: dict[str, str],
) -> None:
    client = whoever(request, made)
    assert press_pause(client, submission, headers=headers) == 403
    assert submission_state(engine, submission) == "running"
    assert press_pause(client, submission, headers={"Sec-Fetch-Site": "same-origin"}) == 303


def whoever(request: pytest.FixtureRequest, made: str) -> TestClient:
    app = request.getfixturevalue(made)
    return logged_in_client(app) if made == "app" else anonymous_client(app, "http://localhost")


@pytest.mark.parametrize("made", ["app", "local"])
def test_a_page_elsewhere_leads_here_by_links_alone(
    request: pytest.FixtureRequest, engine: sa.Engine, made: str
) -> None:
    client = whoever(request, made)
    rows = len(audit_rows(engine))
    for site in ("cross-site", "same-site"):
        for fetch in (
            {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
            {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
            {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        ):
            for path in ("/search?mark=AB1234", "/photos/1", "/api/v1/search?mark=AB1234"):
                answer = client.get(path, headers={"Sec-Fetch-Site": site, **fetch})
                assert answer.status_code == 403
    assert len(audit_rows(engine)) == rows
    link = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    followed = client.get("/search", headers={"Sec-Fetch-Site": "cross-site", **link})
    assert followed.status_code == 200


def test_a_page_of_ours_may_send_the_token_as_a_header(
    app: FastAPI, engine: sa.Engine, submission: int
) -> None:
    client = logged_in_client(app)
    headers = {"X-CSRF-Token": form_token(client.get("/")), "Origin": ORIGIN}
    assert client.post(f"/submissions/{submission}/pause", headers=headers).status_code == 303
    assert submission_state(engine, submission) == "paused"


def test_a_token_of_another_session_is_refused(app: FastAPI, submission: int) -> None:
    token = form_token(logged_in_client(app).get("/"))
    answer = logged_in_client(app).post(
        f"/submissions/{submission}/pause", data={"csrf_token": token}
    )
    assert answer.status_code == 403


def test_logging_in_and_out_needs_the_token_too(app: FastAPI) -> None:
    client = anonymous_client(app)
    client.get("/login")
    fields = {"name": "ada", "password": PASSWORD}
    assert client.post("/login", data=fields).status_code == 403
    client = logged_in_client(app)
    assert client.post("/logout").status_code == 403
    assert client.get("/").status_code == 200
    assert client.get("/logout").status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.0.2.1", "", "a b"])
def test_on_ones_own_machine_only_its_own_names_are_answered(local: FastAPI, host: str) -> None:
    for path in ("/", "/static/hkplates.css", "/healthz"):
        assert anonymous_client(local).get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_on_ones_own_machine_nobody_logs_in(local: FastAPI, host: str) -> None:
    client = anonymous_client(local)
    assert client.get("/", headers={"Host": host}).status_code == 200
    assert client.get("/login", headers={"Host": host}).headers["location"] == "/"
    assert "Log out" not in client.get("/", headers={"Host": host}).text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_that_opens_ones_own_machine_to_others_is_refused(
    local: FastAPI, header: str
) -> None:
    answer = anonymous_client(local, "http://localhost").get("/", headers={header: "192.0.2.1"})
    assert answer.status_code == 403
    assert "hkplates web-password" in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [(HOST, 303), (HOST.upper() + ":8443", 303), ("192.0.2.1", 303), ("evil.example", 400)],
)
def test_elsewhere_addresses_and_known_names_are_answered(
    app: FastAPI, host: str, status: int
) -> None:
    answer = anonymous_client(app).get("/", headers={"Host": host})
    assert answer.status_code == status
    assert status == 303 or "--trusted-host evil.example" in answer.text
