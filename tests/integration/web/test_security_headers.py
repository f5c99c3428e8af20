"""Tests of the headers of every response, and of what no response discloses."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from support.page_with_users import (
    READER_TOKEN,
    anonymous_client,
    app_over,
    bearer,
    form_token,
    log_in,
    logged_in_client,
    security_with_users,
    served,
    submission_state,
)

from hkplates.database.engine import open_engine


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
    answer = logged_in_client(app).get(path)
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


@pytest.mark.parametrize(
    "path",
    [
        "/photos/..%2F..%2F..%2Fetc%2Fpasswd",
        "/photos/%2Fetc%2Fpasswd",
        "/photos/1%00.jpg",
        "/plates/..%2F1/crop",
        "/static/..%2F..%2F..%2Fetc%2Fpasswd",
        "/static/%2e%2e/app.py",
        "/static/%2Fetc%2Fpasswd",
        "/static/..%5Capp.py",
    ],
)
def test_no_file_is_named_by_whoever_asks(app: FastAPI, path: str) -> None:
    answer = logged_in_client(app).get(path)
    assert answer.status_code in (404, 422)
    assert "root:" not in answer.text
    assert "create_app" not in answer.text


def test_head_is_answered_as_get_without_a_body(app: FastAPI, submission: int) -> None:
    reader = bearer(READER_TOKEN)
    with served(app) as address:
        for path in ("/", f"/submissions/{submission}", "/healthz", "/nowhere", "/login"):
            asked = httpx2.get(address + path, headers=reader)
            answer = httpx2.head(address + path, headers=reader)
            assert (answer.status_code, answer.content) == (asked.status_code, b"")
            same = ("content-type", "content-security-policy")
            assert [answer.headers.get(one) for one in same] == [
                asked.headers.get(one) for one in same
            ]


def test_refusals_of_the_gate_have_the_headers_too(app: FastAPI) -> None:
    for answer in (
        anonymous_client(app).get("/", headers={"Host": "evil.example"}),
        anonymous_client(app).post("/submissions/1/pause"),
        anonymous_client(app).get("/api/v1/submissions"),
    ):
        assert answer.status_code in (400, 401)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_no_page_has_scripts_or_styles_within(app: FastAPI, submission: int) -> None:
    client = logged_in_client(app)
    for path in ("/", "/login", "/search?mark=AB1234", f"/submissions/{submission}", "/audit"):
        text = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)


@pytest.mark.parametrize("length", [64 * 1024 + 1, 10**9])
def test_a_body_that_is_too_large_is_refused(app: FastAPI, length: int) -> None:
    client = anonymous_client(app)
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

    client = logged_in_client(app)
    for path in ("/broken", "/api/broken"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "hunter2" not in answer.text
        assert "Traceback" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<h1>Something went wrong here</h1>" in client.get("/broken").text
    assert client.get("/api/broken").json()["status"] == 500


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/nowhere", "There is nothing here"),
        ("/audit", "You may not do that"),
        ("/submissions/x", "Some values cannot be used"),
    ],
)
def test_what_went_wrong_has_a_heading_for_people(app: FastAPI, path: str, heading: str) -> None:
    assert f"<h1>{heading}</h1>" in logged_in_client(app, "bob").get(path).text


def test_a_database_that_is_away_is_told_as_that(engine: sa.Engine, tmp_path: Path) -> None:
    away = open_engine("postgresql://ada:s3cret@127.0.0.1:1/hkplates")
    with app_over(away, tmp_path, security_with_users()) as app:
        client = anonymous_client(app)
        for path in ("/", "/api/v1/submissions", "/search?mark=AB1234", "/healthz"):
            answer = client.get(path, headers=bearer(READER_TOKEN))
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "s3cret" not in answer.text
            assert "is away" in answer.text
            if not path.startswith("/api"):
                assert "<h1>This page needs a service that is away: the database" in answer.text
        assert log_in(client).status_code == 503  # nobody gets in without a trace
        assert client.get("/").status_code == 303


def test_a_database_with_no_connection_left_is_told_as_that(
    database_url: str, tmp_path: Path
) -> None:
    url = sa.make_url(database_url).set(drivername="postgresql+psycopg")
    small = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with app_over(small, tmp_path, security_with_users()) as app, small.connect():
        answer = anonymous_client(app).get("/api/v1/submissions", headers=bearer(READER_TOKEN))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    small.dispose()


def test_without_its_row_nothing_is_done(app: FastAPI, engine: sa.Engine, submission: int) -> None:
    client = logged_in_client(app)
    token = form_token(client.get("/submissions/1"))
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE audit RENAME TO elsewhere"))
        connection.execute(sa.text("CREATE VIEW audit AS SELECT * FROM elsewhere WHERE false"))
        connection.execute(sa.text("CREATE RULE never AS ON INSERT TO audit DO INSTEAD SELECT 1/0"))
    refused = client.get("/search?mark=AB1234")
    assert refused.status_code == 503
    assert "cannot be noted in the audit" in refused.text
    assert client.get("/api/v1/search?mark=AB1234").status_code == 503
    data = {"csrf_token": token}
    assert client.post(f"/submissions/{submission}/pause", data=data).status_code == 503
    assert submission_state(engine, submission) == "running"
    assert client.post("/logout", data=data).status_code == 503
    assert client.get("/").status_code == 200
    assert log_in(anonymous_client(app)).status_code == 503
