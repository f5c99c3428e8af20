"""Tests of the audit trail: what is recorded of people's actions, and what nowhere."""

import json
import logging
import re

import pytest
import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from lxml import html
from support.page_with_users import (
    PAGES,
    PASSWORD,
    READER_TOKEN,
    REVIEWER_TOKEN,
    anonymous_client,
    audit_rows,
    bearer,
    form_token,
    log_in,
    logged_in_client,
)

from hkplates import logs
from hkplates.database import audit
from hkplates.database.queries import sightings
from hkplates.errors import DatabaseUnreachable
from web.middleware import error_responses


def test_who_logs_in_and_out_leaves_rows(app: FastAPI, engine: sa.Engine) -> None:
    client = anonymous_client(app)
    log_in(client, "ada", "wrong")
    log_in(client, PASSWORD, "ada")  # in the wrong fields
    log_in(client, "ada")
    client.post("/logout", data={"csrf_token": form_token(client.get("/"))})
    rows = audit_rows(engine)
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("ada", "login_failed"),
        ("(unknown name)", "login_failed"),
        ("ada", "login"),
        ("ada", "logout"),
    ]
    assert {row["address"] for row in rows} == {"testclient"}
    assert PASSWORD not in json.dumps(rows)


def test_a_search_leaves_a_row_with_its_purpose(app: FastAPI, engine: sa.Engine) -> None:
    client = anonymous_client(app)
    asked = {"mark": "AB?1", "prefix": "a\0", "purpose": "  lost car, case 7 "}
    for path in ("/search", "/api/v1/search"):
        assert client.get(path, params=asked, headers=bearer(READER_TOKEN)).status_code == 200
    rows = audit_rows(engine)
    assert [(row["actor"], row["action"], row["purpose"]) for row in rows] == [
        ("token:lab", "search", "lost car, case 7")
    ] * 2
    expected = {"mark": "AB?1", "prefix": "a\N{REPLACEMENT CHARACTER}"}
    assert [row["subject"] for row in rows] == [expected] * 2


def test_reviewers_read_the_trail_page_by_page(app: FastAPI, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO audit (actor, action, subject, purpose) "
                "SELECT 'eve' || n, 'search', '{\"mark\": \"<b>AB</b>\"}', '<i>\"&' "
                "FROM generate_series(1, 150) AS n"
            )
        )
    assert logged_in_client(app, "bob").get("/audit").status_code == 403
    client = logged_in_client(app, "ada")
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


@pytest.mark.parametrize(
    ("action", "subject", "words"),
    [
        ("search", {"mark": "AB1", "exact": True}, "searched: mark AB1, read just so"),
        ("search", {"mark": "AB?1", "since": "2026"}, "searched: mark AB?1, from 2026"),
        ("sighting", {"plate": 8, "mark": ""}, "opened: sighting 8"),
        ("sighting", {"mark": "AB1", "plate": 8}, "opened: sighting 8, mark AB1"),
        (
            "review",
            {"plate": 8, "verdict": "not_a_plate", "text": None},
            "reviewed: sighting 8, found to be no plate",
        ),
        (
            "review",
            {"plate": 8, "verdict": "corrected", "text": "AB 1"},
            "reviewed: sighting 8, corrected, as AB 1",
        ),
        ("control", {"submission": 3, "verb": "pause"}, "steered: submission 3, pause"),
        ("export", {"what": "corrections"}, "exported: corrections"),
        ("logout", {"session": "x", "began": 1}, "logged out"),
    ],
)
def test_the_trail_is_told_in_words(
    app: FastAPI, engine: sa.Engine, action: str, subject: dict[str, object], words: str
) -> None:
    audit.record(engine, actor="eve", action=action, subject=subject)
    page = html.fromstring(logged_in_client(app, "ada").get("/audit").content)
    [row] = [one for one in page.iter("tr") if "eve" in one.text_content()]
    assert " ".join(row[2].text_content().split()) == words


@pytest.mark.parametrize("api", ["", "/api/v1"])
def test_no_mark_is_in_a_log_line(app: FastAPI, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{api}/marks/ZJ1111" + ("/sightings" if api else "")
    client = anonymous_client(app)
    monkeypatch.setattr(
        error_responses, "log", structlog.get_logger()
    )  # none that was configured before
    with structlog.testing.capture_logs() as logged:
        for error in (DatabaseUnreachable("away"), RuntimeError("what nobody expected")):

            def fail(*_: object, error: Exception = error, **__: object) -> None:
                raise error

            monkeypatch.setattr(sightings, "sightings_of_mark", fail)
            client.get(address, headers=bearer(READER_TOKEN))
    assert [line["event"] for line in logged] == ["service_away", "page_failed"]
    assert {line["path"] for line in logged} == {address.replace("ZJ1111", "{mark}")}
    assert "ZJ1111" not in str(logged)


def test_no_credential_is_in_a_log_line_or_on_a_page(
    app: FastAPI, engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    @app.post("/broken")
    def broken(request: Request) -> None:
        raise RuntimeError("what nobody expected")

    logs.configure("debug")
    try:
        client = anonymous_client(app)
        seen = [log_in(client, "ada", "wrong-" + PASSWORD).text, log_in(client).text]
        cookie = client.cookies["hkplates_session"]
        headers = bearer(REVIEWER_TOKEN)
        for path in [*PAGES, "/api/v1/submissions", "/nowhere"]:
            seen += [client.get(path).text, client.get(path, headers=headers).text]
        seen.append(client.get("/", headers=bearer("wrong" + REVIEWER_TOKEN)).text)
        form = {"csrf_token": form_token(client.get("/")), "password": PASSWORD}
        seen.append(client.post("/broken", data=form).text)
    finally:
        logging.getLogger().handlers.clear()
    printed = capsys.readouterr()
    logged = "\n".join([*seen, printed.out, printed.err, json.dumps(audit_rows(engine))])
    assert "login_failed" in printed.err
    assert "what nobody expected" in printed.err
    assert "what nobody expected" not in "".join(seen)
    for secret in (PASSWORD, cookie, REVIEWER_TOKEN, READER_TOKEN, "argon2", "s" * 32):
        assert secret not in logged
