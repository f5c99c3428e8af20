"""Who gets into the page, and what the gate refuses."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from guarded import (
    ADA,
    BOB,
    HOST,
    PASSWORD,
    READER_TOKEN,
    REVIEWER_TOKEN,
    application,
    bearer,
    browser,
    form_token,
    guards,
    log_in,
    logged_in,
)
from servers.ledgers import keys, submit

from hkplates.database.ledger import Ledger
from hkplates.database.logouts import ended_sessions
from web.security.limits import Window
from web.security.sessions import IDLE_SECONDS, Sessions
from web.security.state import Limits, Security

ORIGIN = f"http://{HOST}"
PAGES = ["/", "/search?mark=AB1234", "/submissions/1", "/audit", "/photos/1", "/plates/1/crop"]


@pytest.fixture
def security() -> Security:
    return guards()


@pytest.fixture
def app(engine: sa.Engine, tmp_path: Path, security: Security) -> Iterator[FastAPI]:
    with application(engine, tmp_path, security) as made:
        yield made


@pytest.fixture
def local(engine: sa.Engine, tmp_path: Path) -> Iterator[FastAPI]:
    """The page as `hkplates web` serves it on one's own machine."""
    with application(engine, tmp_path, None) as made:
        yield made


def trail(engine: sa.Engine) -> list[dict[str, Any]]:
    query = "SELECT actor, action, subject, purpose, address FROM audit ORDER BY id"
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(query)).mappings()]


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/login/", "/static", "//", "/openapi.json"])
def test_nothing_is_shown_to_whoever_is_not_logged_in(app: FastAPI, path: str) -> None:
    answer = browser(app).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


def test_one_is_led_to_the_login_and_back(app: FastAPI) -> None:
    client = browser(app)
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
    client = browser(app)
    assert "evil" not in client.get("/login", params={"next": wanted}).text
    assert log_in(client, wanted=wanted).headers["location"] == "/"
    answer = client.get("/login", params={"next": wanted})  # who is logged in already
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(app: FastAPI) -> None:
    client = browser(app)
    answers = [log_in(client, "ada", "wrong password"), log_in(client, "eve", "wrong password")]
    assert [answer.status_code for answer in answers] == [401, 401]
    first, second = (re.sub("[0-9a-f]{64}", "", answer.text) for answer in answers)
    assert first == second
    assert "do not belong together" in first
    assert client.get("/").status_code == 303


def test_programs_are_told_to_send_a_token(app: FastAPI) -> None:
    answer = browser(app).get("/api/v1/submissions")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="hkplates"'
    assert "Authorization: Bearer" in answer.json()["detail"]


@pytest.mark.parametrize("token", ["", "wrong", READER_TOKEN[:-1], READER_TOKEN + "x"])
def test_an_unknown_token_is_nobodys(app: FastAPI, token: str) -> None:
    client = logged_in(app)  # nor does the cookie help it
    answer = client.get("/api/v1/submissions", headers=bearer(token))
    assert answer.status_code == 401
    assert "hkplates web-token" in answer.json()["detail"]
    assert token == "" or token not in answer.text


def test_a_token_opens_the_pages_its_role_opens(app: FastAPI) -> None:
    client = browser(app)
    assert client.get("/", headers=bearer(READER_TOKEN)).status_code == 200
    assert client.get("/audit", headers=bearer(READER_TOKEN)).status_code == 403
    assert client.get("/audit", headers=bearer(REVIEWER_TOKEN)).status_code == 200
    assert "set-cookie" not in client.get("/", headers=bearer(READER_TOKEN)).headers


def test_a_browser_whose_proxy_asks_for_a_password_of_its_own_logs_in_as_usual(
    app: FastAPI,
) -> None:
    client = browser(app)
    client.headers["Authorization"] = "Basic YWRhOnB3"
    assert client.get("/").status_code == 303
    assert log_in(client).status_code == 303
    assert client.get("/").status_code == 200


# --- Roles ---------------------------------------------------------------------------------------


@pytest.fixture
def submission(ledger: Ledger) -> int:
    return submit(ledger, keys(2))


def steer(client: TestClient, number: int, verb: str = "pause", **more: Any) -> int:
    token = form_token(client.get("/submissions/1"))
    data = {"csrf_token": token}
    return client.post(f"/submissions/{number}/{verb}", data=data, **more).status_code


@pytest.mark.parametrize("verb", ["pause", "cancel", "retry"])
def test_a_reader_sees_and_changes_nothing(
    app: FastAPI, ledger: Ledger, engine: sa.Engine, submission: int, verb: str
) -> None:
    client = logged_in(app, "bob")
    assert client.get(f"/submissions/{submission}").status_code == 200
    answer = client.post(
        f"/submissions/{submission}/{verb}", data={"csrf_token": form_token(client.get("/"))}
    )
    assert answer.status_code == 403
    assert "Only reviewers may do that" in answer.text
    assert state(engine, submission) == "running"


def state(engine: sa.Engine, number: int) -> str:
    with engine.connect() as connection:
        query = sa.text("SELECT state FROM submissions WHERE id = :id")
        return str(connection.execute(query, {"id": number}).scalar_one())


def test_a_reviewer_steers(app: FastAPI, engine: sa.Engine, submission: int) -> None:
    assert steer(logged_in(app, "ada"), submission) == 303
    assert state(engine, submission) == "paused"
    assert trail(engine)[-1] | {"address": None} == {
        "actor": "ada",
        "action": "control",
        "subject": {"submission": submission, "verb": "pause"},
        "purpose": None,
        "address": None,
    }


def test_a_readers_token_changes_nothing_and_a_reviewers_does(
    app: FastAPI, engine: sa.Engine, submission: int
) -> None:
    client = browser(app)
    path = f"/submissions/{submission}/pause"
    assert client.post(path, headers=bearer(READER_TOKEN)).status_code == 403
    assert state(engine, submission) == "running"
    assert client.post(path, headers=bearer(REVIEWER_TOKEN)).status_code == 303
    assert state(engine, submission) == "paused"


def test_whatever_changes_something_needs_a_reviewer_even_where_nothing_is(app: FastAPI) -> None:
    client = logged_in(app, "bob")
    token = {"X-CSRF-Token": form_token(client.get("/"))}
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
        assert client.request(method, "/not/yet/thought/of", headers=token).status_code == 403


# --- Pages elsewhere (CSRF, DNS rebinding) -------------------------------------------------------


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
    assert state(engine, submission) == "running"


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
    assert steer(client, submission, headers=headers) == 403
    assert state(engine, submission) == "running"
    assert steer(client, submission, headers={"Sec-Fetch-Site": "same-origin"}) == 303


def whoever(request: pytest.FixtureRequest, made: str) -> TestClient:
    app = request.getfixturevalue(made)
    return logged_in(app) if made == "app" else browser(app, "http://localhost")


def test_a_page_of_ours_may_send_the_token_as_a_header(
    app: FastAPI, engine: sa.Engine, submission: int
) -> None:
    client = logged_in(app)
    headers = {"X-CSRF-Token": form_token(client.get("/")), "Origin": ORIGIN}
    assert client.post(f"/submissions/{submission}/pause", headers=headers).status_code == 303
    assert state(engine, submission) == "paused"


def test_a_token_of_another_session_is_refused(app: FastAPI, submission: int) -> None:
    token = form_token(logged_in(app).get("/"))
    answer = logged_in(app).post(f"/submissions/{submission}/pause", data={"csrf_token": token})
    assert answer.status_code == 403


def test_logging_in_and_out_needs_the_token_too(app: FastAPI) -> None:
    client = browser(app)
    client.get("/login")
    fields = {"name": "ada", "password": PASSWORD}
    assert client.post("/login", data=fields).status_code == 403
    client = logged_in(app)
    assert client.post("/logout").status_code == 403
    assert client.get("/").status_code == 200
    assert client.get("/logout").status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.0.2.1", "", "a b"])
def test_on_ones_own_machine_only_its_own_names_are_answered(local: FastAPI, host: str) -> None:
    for path in ("/", "/static/hkplates.css", "/healthz"):
        assert browser(local).get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_on_ones_own_machine_nobody_logs_in(local: FastAPI, host: str) -> None:
    client = browser(local)
    assert client.get("/", headers={"Host": host}).status_code == 200
    assert client.get("/login", headers={"Host": host}).headers["location"] == "/"
    assert "Log out" not in client.get("/", headers={"Host": host}).text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_that_opens_ones_own_machine_to_others_is_refused(
    local: FastAPI, header: str
) -> None:
    answer = browser(local, "http://localhost").get("/", headers={header: "192.0.2.1"})
    assert answer.status_code == 403
    assert "hkplates web-password" in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [(HOST, 303), (HOST.upper() + ":8443", 303), ("192.0.2.1", 303), ("evil.example", 400)],
)
def test_elsewhere_addresses_and_known_names_are_answered(
    app: FastAPI, host: str, status: int
) -> None:
    answer = browser(app).get("/", headers={"Host": host})
    assert answer.status_code == status
    assert status == 303 or "--trusted-host evil.example" in answer.text


# --- Sessions ------------------------------------------------------------------------------------


def test_the_cookie_is_for_this_page_alone_and_no_script_reads_it(app: FastAPI) -> None:
    cookie = log_in(browser(app)).headers["set-cookie"]
    assert cookie.startswith("hkplates_session=")
    assert set(cookie.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=Lax"}


def test_over_tls_the_cookie_goes_nowhere_else(engine: sa.Engine, tmp_path: Path) -> None:
    with application(engine, tmp_path, guards(is_https=True)) as app:
        client = browser(app, f"https://{HOST}")
        answer = log_in(client)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-hkplates_session=")
        assert {"HttpOnly", "Secure", "Path=/"} < set(cookie.split("; "))
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert client.get("/").status_code == 200
        # A cookie of the other name may come from any page of the domain.
        value = cookie.split(";")[0].partition("=")[2]
        other = browser(app, f"https://{HOST}")
        assert other.get("/", headers={"Cookie": f"hkplates_session={value}"}).status_code == 303


def test_login_begins_a_session_of_another_number(app: FastAPI, security: Security) -> None:
    client = browser(app)
    client.get("/login")
    planted = client.cookies["hkplates_session"]
    log_in(client)
    before, after = (
        security.sessions.read(one) for one in (planted, client.cookies["hkplates_session"])
    )
    assert before is not None
    assert after is not None
    assert before.id != after.id
    stranger = browser(app)
    stranger.cookies.set("hkplates_session", planted, domain=HOST)
    assert stranger.get("/").status_code == 303


def test_logout_ends_every_copy_of_the_session(app: FastAPI) -> None:
    client = logged_in(app)
    copied = client.cookies["hkplates_session"]
    answer = client.post("/logout", data={"csrf_token": form_token(client.get("/"))})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/").status_code == 303
    thief = browser(app)
    thief.cookies.set("hkplates_session", copied, domain=HOST)
    assert thief.get("/").status_code == 303


def test_what_was_logged_out_stays_so_after_a_restart(
    app: FastAPI, engine: sa.Engine, tmp_path: Path
) -> None:
    client = logged_in(app)
    copied = client.cookies["hkplates_session"]
    client.post("/logout", data={"csrf_token": form_token(client.get("/"))})
    anew = guards()
    ended = Sessions(anew.access.secret, ended_sessions(engine, 3600))
    with application(engine, tmp_path, Security(anew.access, ended)) as restarted:
        thief = browser(restarted)
        thief.cookies.set("hkplates_session", copied, domain=HOST)
        assert thief.get("/").status_code == 303
        kept = logged_in(app).cookies["hkplates_session"]
        thief.cookies.set("hkplates_session", kept, domain=HOST)
        assert thief.get("/").status_code == 200


def test_a_session_ends_when_it_is_not_used(engine: sa.Engine, tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    access = guards().access
    security = Security(access, Sessions(access.secret, clock=lambda: now[0]))
    with application(engine, tmp_path, security) as app:
        client = logged_in(app)
        polls = {"Sec-Fetch-Mode": "cors"}
        for _ in range(3):  # a tab that stands open is no use
            now[0] += IDLE_SECONDS / 3
            assert client.get("/", headers=polls).status_code == 200
        now[0] += 1
        assert client.get("/", headers=polls).status_code == 303
        client = logged_in(app)
        for _ in range(3):
            now[0] += IDLE_SECONDS - 1
            assert client.get("/", headers={"Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_a_users_new_role_and_password_count_at_once(
    engine: sa.Engine, tmp_path: Path, app: FastAPI
) -> None:
    cookie = logged_in(app, "ada").cookies["hkplates_session"]
    from web.security.access import Access
    from web.security.entries import read_users, user_entry

    anew = user_entry("ada", "reviewer", PASSWORD)  # of another salt, as of another password
    for users, status in (
        (ADA, 200),
        (ADA.replace(":reviewer:", ":reader:"), 403),
        (anew, 303),
        (BOB, 303),
    ):
        before = guards().access
        access = Access(read_users(users), before.tokens, before.secret, hosts=before.hosts)
        with application(engine, tmp_path, Security(access, Sessions(access.secret))) as changed:
            client = browser(changed)
            client.cookies.set("hkplates_session", cookie, domain=HOST)
            assert client.get("/audit").status_code == status


# --- How often -----------------------------------------------------------------------------------


def test_one_name_is_tried_only_so_often(engine: sa.Engine, tmp_path: Path) -> None:
    limits = Limits(logins_by_name=Window(3, 300))
    with application(engine, tmp_path, guards(limits=limits)) as app:
        client = browser(app)
        assert [log_in(client, "ada", "wrong").status_code for _ in range(3)] == [401] * 3
        answer = log_in(client, "ada")  # right, and too late
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300
        assert "try again in" in answer.text
        assert log_in(client, "bob").status_code == 303
    assert [row["action"] for row in trail(engine)] == ["login_failed"] * 3 + ["login"]


def test_from_one_address_only_so_many_names_are_tried(engine: sa.Engine, tmp_path: Path) -> None:
    limits = Limits(logins_by_address=Window(3, 300))
    with application(engine, tmp_path, guards(limits=limits)) as app:
        client = browser(app)
        assert [log_in(client, f"user{n}", "wrong").status_code for n in range(3)] == [401] * 3
        assert log_in(client, "ada").status_code == 429
        elsewhere = TestClient(
            app, base_url=ORIGIN, follow_redirects=False, client=("192.0.2.9", 50000)
        )
        assert log_in(elsewhere, "ada").status_code == 303


def test_who_logged_in_has_tried_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    limits = Limits(logins_by_name=Window(2, 300))
    with application(engine, tmp_path, guards(limits=limits)) as app:
        for _ in range(3):
            assert log_in(browser(app), "ada", "wrong").status_code == 401
            assert log_in(browser(app), "ada").status_code == 303


@pytest.mark.parametrize("path", ["/search?mark=AB1234", "/api/v1/search?mark=AB1234"])
def test_one_person_searches_only_so_often(engine: sa.Engine, tmp_path: Path, path: str) -> None:
    limits = Limits(searches=Window(2, 60))
    with application(engine, tmp_path, guards(limits=limits)) as app:
        client = browser(app)
        ask = [client.get(path, headers=bearer(READER_TOKEN)) for _ in range(3)]
        assert [answer.status_code for answer in ask] == [200, 200, 429]
        assert 0 < int(ask[2].headers["retry-after"]) <= 60
        assert client.get(path, headers=bearer(REVIEWER_TOKEN)).status_code == 200


# --- What is sent, and what is never -------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/login", 303),
        ("/nowhere", 404),
        ("/submissions/999", 404),
        ("/submissions/x", 422),
        ("/search?mark=**", 422),
        ("/api/v1/submissions", 200),
        ("/api/nowhere", 404),
        ("/api/v1/submissions/0", 422),
        ("/static/hkplates.css", 200),
        ("/static/../app.py", 404),
        ("/healthz", 200),
        ("/audit", 200),
    ],
)
def test_every_answer_tells_browsers_to_do_little_with_it(
    app: FastAPI, path: str, status: int
) -> None:
    answer = logged_in(app).get(path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"].split("; ")
    assert {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    } <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "geolocation=()" in answer.headers["permissions-policy"]
    assert answer.headers["cache-control"] == ("no-cache" if "hkplates.css" in path else "no-store")
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers


def test_refusals_of_the_gate_have_the_headers_too(app: FastAPI) -> None:
    for answer in (
        browser(app).get("/", headers={"Host": "evil.example"}),
        browser(app).post("/submissions/1/pause"),
        browser(app).get("/api/v1/submissions"),
    ):
        assert answer.status_code in (400, 401)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_no_page_has_scripts_or_styles_within(app: FastAPI, submission: int) -> None:
    client = logged_in(app)
    for path in ("/", "/login", "/search?mark=AB1234", f"/submissions/{submission}", "/audit"):
        text = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)


@pytest.mark.parametrize("length", [64 * 1024 + 1, 10**9])
def test_a_body_that_is_too_large_is_refused(app: FastAPI, length: int) -> None:
    client = browser(app)
    announced = client.post("/login", content=b"x", headers={"Content-Length": str(length)})
    assert announced.status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(70):
            yield b"x" * 1024

    assert client.post("/login", content=pieces()).status_code == 413


def test_what_breaks_is_told_without_a_traceback(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @app.get("/api/broken")
    def broken_api() -> None:
        raise RuntimeError("the password is hunter2")

    client = logged_in(app)
    for path in ("/broken", "/api/broken"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "hunter2" not in answer.text
        assert "Traceback" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "Something broke" in client.get("/broken").text
    assert client.get("/api/broken").json()["status"] == 500


def test_a_database_that_is_away_is_told_as_that(engine: sa.Engine, tmp_path: Path) -> None:
    from hkplates.database.session import open_engine

    away = open_engine("postgresql://ada:s3cret@127.0.0.1:1/hkplates")
    with application(away, tmp_path, guards()) as app:
        client = browser(app)
        for path in ("/", "/api/v1/submissions", "/search?mark=AB1234", "/healthz"):
            answer = client.get(path, headers=bearer(READER_TOKEN))
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "s3cret" not in answer.text
            assert "is away" in answer.text
        assert log_in(client).status_code == 503  # nobody gets in without a trace
        assert client.get("/").status_code == 303


def test_without_its_row_nothing_is_done(app: FastAPI, engine: sa.Engine, submission: int) -> None:
    client = logged_in(app)
    token = form_token(client.get("/submissions/1"))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit RENAME TO elsewhere"))
        connection.execute(sa.text("CREATE VIEW audit AS SELECT * FROM elsewhere WHERE false"))
        connection.execute(sa.text("CREATE RULE never AS ON INSERT TO audit DO INSTEAD SELECT 1/0"))
    assert client.get("/search?mark=AB1234").status_code == 503
    assert client.get("/api/v1/search?mark=AB1234").status_code == 503
    data = {"csrf_token": token}
    assert client.post(f"/submissions/{submission}/pause", data=data).status_code == 503
    assert state(engine, submission) == "running"
    assert client.post("/logout", data=data).status_code == 503
    assert client.get("/").status_code == 200
    assert log_in(browser(app)).status_code == 503


# --- The trail -----------------------------------------------------------------------------------


def test_who_logs_in_and_out_leaves_rows(app: FastAPI, engine: sa.Engine) -> None:
    client = browser(app)
    log_in(client, "ada", "wrong")
    log_in(client, PASSWORD, "ada")  # in the wrong fields
    log_in(client, "ada")
    client.post("/logout", data={"csrf_token": form_token(client.get("/"))})
    rows = trail(engine)
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("ada", "login_failed"),
        ("(unknown name)", "login_failed"),
        ("ada", "login"),
        ("ada", "logout"),
    ]
    assert {row["address"] for row in rows} == {"testclient"}
    assert PASSWORD not in json.dumps(rows)


def test_a_search_leaves_a_row_with_its_purpose(app: FastAPI, engine: sa.Engine) -> None:
    client = browser(app)
    asked = {"mark": "AB?1", "prefix": "a\0", "purpose": "  lost car, case 7 "}
    for path in ("/search", "/api/v1/search"):
        assert client.get(path, params=asked, headers=bearer(READER_TOKEN)).status_code == 200
    rows = trail(engine)
    assert [(row["actor"], row["action"], row["purpose"]) for row in rows] == [
        ("token:lab", "search", "lost car, case 7")
    ] * 2
    wanted = {"mark": "AB?1", "prefix": "a\N{REPLACEMENT CHARACTER}"}
    assert [row["subject"] for row in rows] == [wanted] * 2


def test_reviewers_read_the_trail_page_by_page(app: FastAPI, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO audit (actor, action, subject, purpose) "
                "SELECT 'eve' || n, 'search', '{\"mark\": \"<b>AB</b>\"}', '<i>\"&' "
                "FROM generate_series(1, 150) AS n"
            )
        )
    assert logged_in(app, "bob").get("/audit").status_code == 403
    client = logged_in(app, "ada")
    first = client.get("/audit").text
    assert "eve150" in first
    assert "eve1<" not in first
    assert "&lt;b&gt;AB&lt;/b&gt;" in first
    assert "<b>AB" not in first
    assert "<i>" not in first
    older = re.search(r'href="(/audit\?before=\d+)"', first)
    assert older
    second = client.get(older[1]).text
    assert "eve1<" in second
    assert "eve150" not in second
    shown = re.findall(r"<td>(eve\d+)</td>", first + second)
    assert len(shown) == len(set(shown)) == 150


# --- Credentials ---------------------------------------------------------------------------------


def test_no_credential_is_in_a_log_line_or_on_a_page(
    app: FastAPI, engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    from hkplates import logs

    logs.configure("debug")
    try:
        client = browser(app)
        seen = [log_in(client, "ada", "wrong-" + PASSWORD).text, log_in(client).text]
        cookie = client.cookies["hkplates_session"]
        headers = bearer(REVIEWER_TOKEN)
        for path in [*PAGES, "/api/v1/submissions", "/nowhere"]:
            seen += [client.get(path).text, client.get(path, headers=headers).text]
        seen.append(client.get("/", headers=bearer("wrong" + REVIEWER_TOKEN)).text)
    finally:
        logging.getLogger().handlers.clear()
    printed = capsys.readouterr()
    told = "\n".join([*seen, printed.out, printed.err, json.dumps(trail(engine))])
    assert "login_failed" in printed.err
    for secret in (PASSWORD, cookie, REVIEWER_TOKEN, READER_TOKEN, "argon2", "s" * 32):
        assert secret not in told
