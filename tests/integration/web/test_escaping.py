"""Tests of escaping: names of photographs, and all other stored text, are shown as text."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from lxml import html
from support.page_with_users import anonymous_client, log_in, logged_in_client

from hkplates.database import audit
from hkplates.database.reviews import reviews

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}&amp;"
"""Ends an attribute and a tag, begins others, and is a template and an entity in itself."""


@pytest.fixture
def client(seeded: sa.Engine, app: FastAPI) -> TestClient:
    """A reviewer, and an archive in which everything that may be called anything is called EVIL."""
    with seeded.begin() as connection:
        for statement in (
            "UPDATE images SET key = key || :evil, bucket = bucket || :evil",
            "UPDATE images SET detail = :evil WHERE state IN ('failed', 'quarantined')",
            "UPDATE submissions SET source = 's3://' || :evil, name = :evil",
            "UPDATE plates SET text = text || :evil, reader = :evil",
            """UPDATE plates SET candidates =
               jsonb_build_array(jsonb_build_object('text', CAST(:evil AS text), 'confidence', 0.1))
            """,
            "UPDATE model_versions SET detector = :evil, reader = :evil",
        ):
            connection.execute(sa.text(statement), {"evil": EVIL})
    for plate in range(1, 5):
        reviews.record(seeded, plate, "accepted", reviewer=EVIL, note=EVIL)
    audit.record(seeded, actor=EVIL, action=EVIL, subject={EVIL: EVIL}, purpose=EVIL, address=EVIL)
    return logged_in_client(app)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/submissions/1",
        "/submissions/2",
        "/submissions/2/cancel",
        "/submissions/1/failures",
        "/search?mark=AB1234",
        "/search?mark={evil}&since={evil}&until={evil}&prefix={evil}&purpose={evil}",
        "/search?mark=AB1234&prefix={evil}&purpose={evil}",
        "/sightings/1",
        "/sightings/5",
        "/marks/AB1234",
        "/review",
        "/review?prefix={evil}&since={evil}",
        "/audit",
    ],
)
def test_what_looks_like_a_script_is_shown_as_text(client: TestClient, path: str) -> None:
    address, _, query = path.partition("?")
    fields = dict(pair.split("=") for pair in query.split("&") if pair)
    asked = {name: value.replace("{evil}", EVIL) for name, value in fields.items()}
    answer = client.get(address, params=asked)
    assert answer.status_code in (200, 422)
    assert_harmless(answer.text)
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/" + EVIL, 404),
        ("/submissions/" + EVIL, 405),
        ("/submissions/1/failures?reason=" + EVIL, 404),
        ("/marks/" + EVIL, 404),
        ("/review?after=" + EVIL, 404),
    ],
)
def test_so_is_an_address_that_cannot_be_answered(
    client: TestClient, path: str, status: int
) -> None:
    answer = client.get(path.replace("#", "%23"))
    assert answer.status_code == status
    assert_harmless(answer.text)


def test_so_is_what_is_typed_into_the_login(app: FastAPI) -> None:
    visitor = anonymous_client(app)
    for answer in (
        visitor.get("/login", params={"next": "/search?mark=" + EVIL}),
        log_in(visitor, EVIL[:64], EVIL, "/" + EVIL),
    ):
        assert answer.status_code in (200, 401)
        assert_harmless(answer.text)


def test_so_are_pictures_that_cannot_be_shown(client: TestClient) -> None:
    answer = client.get("/photos/1")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "<script" not in answer.text


def assert_harmless(text: str) -> None:
    """Checks that no element or attribute came out of stored text."""
    page = html.fromstring(text)
    assert "49&amp;" not in text  # nobody calculated
    assert all(one.get("src", "").startswith("/static/") for one in page.iter("script"))
    for element in page.iter():
        if isinstance(element.tag, str):
            assert not [name for name in element.attrib if name.startswith("on")]
            assert element.get("src", "/").startswith("/")
            assert not element.get("href", "").startswith("javascript:")
