"""Sessions as browsers have them, and how often something may be tried."""

from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from fastapi.testclient import TestClient
from support.page_with_users import (
    ADA,
    BOB,
    HOST,
    ORIGIN,
    PASSWORD,
    READER_TOKEN,
    REVIEWER_TOKEN,
    anonymous_client,
    app_over,
    audit_rows,
    bearer,
    form_token,
    log_in,
    logged_in_client,
    security_with_users,
)

from hkplates.database.audit import revoked_sessions
from web.auth import throttle
from web.auth.config import Access
from web.auth.credentials import read_users, user_entry
from web.auth.rate_limit import SlidingWindow
from web.auth.sessions import IDLE_SECONDS, Sessions
from web.auth.state import RateLimits, Security


def test_the_cookie_is_for_this_page_alone_and_no_script_reads_it(app: FastAPI) -> None:
    cookie = log_in(anonymous_client(app)).headers["set-cookie"]
    assert cookie.startswith("hkplates_session=")
    assert set(cookie.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=Lax"}


def test_over_tls_the_cookie_goes_nowhere_else(engine: sa.Engine, tmp_path: Path) -> None:
    with app_over(engine, tmp_path, security_with_users(is_https=True)) as app:
        client = anonymous_client(app, f"https://{HOST}")
        answer = log_in(client)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-hkplates_session=")
        assert {"HttpOnly", "Secure", "Path=/"} < set(cookie.split("; "))
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert client.get("/").status_code == 200
        # A cookie of the other name may come from any page of the domain.
        value = cookie.split(";")[0].partition("=")[2]
        other = anonymous_client(app, f"https://{HOST}")
        assert other.get("/", headers={"Cookie": f"hkplates_session={value}"}).status_code == 303


def test_login_begins_a_session_of_another_number(app: FastAPI) -> None:
    sessions = app.state.security.sessions
    client = anonymous_client(app)
    client.get("/login")
    seeded = client.cookies["hkplates_session"]
    log_in(client)
    before, after = (sessions.decode(one) for one in (seeded, client.cookies["hkplates_session"]))
    assert before is not None
    assert after is not None
    assert before.id != after.id
    thief = anonymous_client(app)
    thief.cookies.set("hkplates_session", seeded, domain=HOST)
    assert thief.get("/").status_code == 303


def test_logout_ends_every_copy_of_the_session(app: FastAPI) -> None:
    client = logged_in_client(app)
    copied = client.cookies["hkplates_session"]
    answer = client.post("/logout", data={"csrf_token": form_token(client.get("/"))})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert client.get("/").status_code == 303
    thief = anonymous_client(app)
    thief.cookies.set("hkplates_session", copied, domain=HOST)
    assert thief.get("/").status_code == 303


@pytest.mark.parametrize("headers", [bearer(REVIEWER_TOKEN), {}])
def test_who_never_logged_in_has_nothing_to_end(
    app: FastAPI, engine: sa.Engine, headers: dict[str, str]
) -> None:
    client = anonymous_client(app)
    data = {"csrf_token": form_token(client.get("/login"))}
    answer = client.post("/logout", data=data, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert audit_rows(engine) == []


def test_what_was_logged_out_stays_so_after_a_restart(
    app: FastAPI, engine: sa.Engine, tmp_path: Path
) -> None:
    client = logged_in_client(app)
    copied = client.cookies["hkplates_session"]
    client.post("/logout", data={"csrf_token": form_token(client.get("/"))})
    anew = security_with_users()
    ended = Sessions(anew.access.secret, revoked_sessions(engine, 3600))
    with app_over(engine, tmp_path, Security(anew.access, ended)) as restarted:
        thief = anonymous_client(restarted)
        thief.cookies.set("hkplates_session", copied, domain=HOST)
        assert thief.get("/").status_code == 303
        kept = logged_in_client(app).cookies["hkplates_session"]
        thief.cookies.set("hkplates_session", kept, domain=HOST)
        assert thief.get("/").status_code == 200


def test_a_session_ends_when_it_is_not_used(engine: sa.Engine, tmp_path: Path) -> None:
    now = [1_800_000_000.0]
    access = security_with_users().access
    security = Security(access, Sessions(access.secret, clock=lambda: now[0]))
    with app_over(engine, tmp_path, security) as app:
        client = logged_in_client(app)
        polls = {"Sec-Fetch-Mode": "cors"}
        for _ in range(3):  # a tab that stands open is no use
            now[0] += IDLE_SECONDS / 3
            assert client.get("/", headers=polls).status_code == 200
        now[0] += 1
        assert client.get("/", headers=polls).status_code == 303
        client = logged_in_client(app)
        for _ in range(3):
            now[0] += IDLE_SECONDS - 1
            assert client.get("/", headers={"Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_a_users_new_role_and_password_count_at_once(
    engine: sa.Engine, tmp_path: Path, app: FastAPI
) -> None:
    cookie = logged_in_client(app, "ada").cookies["hkplates_session"]
    anew = user_entry("ada", "reviewer", PASSWORD)  # of another salt, as of another password
    for users, status in (
        (ADA, 200),
        (ADA.replace(":reviewer:", ":reader:"), 403),
        (anew, 303),
        (BOB, 303),
    ):
        before = security_with_users().access
        access = Access(read_users(users), before.tokens, before.secret, hosts=before.hosts)
        with app_over(engine, tmp_path, Security(access, Sessions(access.secret))) as changed:
            client = anonymous_client(changed)
            client.cookies.set("hkplates_session", cookie, domain=HOST)
            assert client.get("/audit").status_code == status


def test_one_name_is_tried_only_so_often(engine: sa.Engine, tmp_path: Path) -> None:
    limits = RateLimits(logins_by_name=SlidingWindow(3, 300))
    with app_over(engine, tmp_path, security_with_users(limits=limits)) as app:
        client = anonymous_client(app)
        assert [log_in(client, "ada", "wrong").status_code for _ in range(3)] == [401] * 3
        answer = log_in(client, "ada")  # right, and too late
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300
        assert "try again in" in answer.text
        assert log_in(client, "bob").status_code == 303
    assert [row["action"] for row in audit_rows(engine)] == ["login_failed"] * 3 + ["login"]


def test_whoever_knows_a_name_locks_nobody_out_elsewhere(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = RateLimits(
        logins_by_name=SlidingWindow(2, 300), logins_by_name_anywhere=SlidingWindow(5, 300)
    )
    with app_over(engine, tmp_path, security_with_users(limits=limits)) as app:

        def there(host: str) -> TestClient:
            place = {"base_url": ORIGIN, "follow_redirects": False}
            return TestClient(app, client=(host, 50000), **place)

        for host in ("192.0.2.7", "192.0.2.8"):
            tried = [log_in(there(host), "ada", "wrong").status_code for _ in range(3)]
            assert tried == [401, 401, 429]
        assert log_in(there("192.0.2.9"), "ada").status_code == 303
        monkeypatch.setattr(
            throttle, "log", structlog.get_logger()
        )  # none that was configured before
        with structlog.testing.capture_logs() as logs:
            assert log_in(there("192.0.2.9"), "ada").status_code == 429  # the sixth, from anywhere
    assert logs == [
        {
            "event": "login_refused",
            "log_level": "warning",
            "limit": "name_anywhere",
            "known": True,
            "address": "192.0.2.9",
        }
    ]


def test_from_one_address_only_so_many_names_are_tried(engine: sa.Engine, tmp_path: Path) -> None:
    limits = RateLimits(logins_by_address=SlidingWindow(3, 300))
    with app_over(engine, tmp_path, security_with_users(limits=limits)) as app:
        client = anonymous_client(app)
        assert [log_in(client, f"user{n}", "wrong").status_code for n in range(3)] == [401] * 3
        assert log_in(client, "ada").status_code == 429
        elsewhere = TestClient(
            app, base_url=ORIGIN, follow_redirects=False, client=("192.0.2.9", 50000)
        )
        assert log_in(elsewhere, "ada").status_code == 303


def test_who_logged_in_has_tried_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    limits = RateLimits(logins_by_name=SlidingWindow(2, 300))
    with app_over(engine, tmp_path, security_with_users(limits=limits)) as app:
        for _ in range(3):
            assert log_in(anonymous_client(app), "ada", "wrong").status_code == 401
            assert log_in(anonymous_client(app), "ada").status_code == 303


@pytest.mark.parametrize("path", ["/search?mark=AB1234", "/api/v1/search?mark=AB1234"])
def test_one_person_searches_only_so_often(engine: sa.Engine, tmp_path: Path, path: str) -> None:
    limits = RateLimits(searches=SlidingWindow(2, 60))
    with app_over(engine, tmp_path, security_with_users(limits=limits)) as app:
        client = anonymous_client(app)
        ask = [client.get(path, headers=bearer(READER_TOKEN)) for _ in range(3)]
        assert [answer.status_code for answer in ask] == [200, 200, 429]
        assert 0 < int(ask[2].headers["retry-after"]) <= 60
        assert client.get(path, headers=bearer(REVIEWER_TOKEN)).status_code == 200
