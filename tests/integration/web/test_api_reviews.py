"""The API: readings to review, and what a person says about one."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from support.api_client import get, get_all_pages, plate_of, post_review
from support.page_with_users import audit_rows, form_token, logged_in_client

from hkplates.database.reviews import reviews
from web.errors import PROBLEM


def test_the_queue_has_what_nobody_reviewed_the_least_sure_first(
    api: TestClient, reviewer: TestClient, seeded: sa.Engine
) -> None:
    found = get_all_pages(api, "/reviews/queue", limit=1)
    assert [one["mark"] for one in found] == ["DE5678", "XR746", "SB888"]
    detail = get(api, "/reviews/queue")
    assert (detail["left"], detail["left_is_exact"]) == (3, True)
    post_review(reviewer, found[0]["plate_id"], 201, verdict="accepted")
    assert [one["mark"] for one in get(api, "/reviews/queue")["items"]] == ["XR746", "SB888"]
    assert get(api, "/reviews/queue", prefix="tunnel/")["items"] == []
    assert [one["mark"] for one in get(api, "/reviews/queue", below=0.5)["items"]] == ["XR746"]
    assert get(api, "/reviews/queue", below=0.45)["items"] == []


def test_a_correction_is_what_sightings_tells_from_then_on(
    api: TestClient, reviewer: TestClient, seeded: sa.Engine
) -> None:
    plate = plate_of(seeded, "DE5678")
    said = post_review(
        reviewer, plate, 201, verdict="corrected", text="de 6678", note="seen from near"
    )
    assert (said["mark"], said["text"], said["reviewer"]) == ("DE6678", "DE 6678", "token:robot")
    detail = get(api, f"/sightings/{plate}")
    assert (detail["mark"], detail["read_mark"]) == ("DE6678", "DE5678")
    assert detail["review"] == said
    assert detail["history"] == [said]
    asked = get(api, "/search", mark="DE6678", exact=True)
    assert [one["plate_id"] for one in asked["sightings"]] == [plate]
    assert get(api, "/search", mark="DE5678", exact=True)["sightings"] == []
    with seeded.connect() as connection:
        row = connection.execute(sa.text("SELECT actor, action, subject FROM audit LIMIT 1")).one()
    assert row == (
        "token:robot",
        "review",
        {"plate": plate, "verdict": "corrected", "text": "de 6678"},
    )


def test_a_reader_may_not_review(api: TestClient, seeded: sa.Engine) -> None:
    problem = post_review(api, plate_of(seeded, "DE5678"), 403, verdict="accepted")
    assert "Only reviewers may do that" in problem["detail"]


def test_asking_for_the_queue_leaves_a_row(api: TestClient, seeded: sa.Engine) -> None:
    get(api, "/reviews/queue", below=0.7, prefix="tunnel/", purpose="case 7")
    [row] = audit_rows(seeded)
    assert (row["actor"], row["action"], row["purpose"]) == ("token:lab", "search", "case 7")
    assert row["subject"] == {"doubtful": True, "below": 0.7, "prefix": "tunnel/"}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"verdict": "corrected"}, 422),
        ({"verdict": "accepted", "text": "DE 5678"}, 422),
        ({"verdict": "corrected", "text": "車"}, 422),
        ({"verdict": "corrected", "text": "\0"}, 422),
        ({"verdict": "doubted"}, 422),
        ({"verdict": "accepted", "reviewer": "ada"}, 422),
        ({"verdict": "accepted", "note": "x" * 501}, 422),
        ({}, 422),
    ],
)
def test_what_can_be_no_review_changes_nothing(
    reviewer: TestClient, seeded: sa.Engine, said: dict[str, str], status: int
) -> None:
    plate = plate_of(seeded, "DE5678")
    post_review(reviewer, plate, status, **said)
    assert reviews.history(seeded, plate) == []


def test_a_review_of_no_plate_is_told_and_not_noted(
    reviewer: TestClient, engine: sa.Engine
) -> None:
    post_review(reviewer, 77, 404, verdict="accepted")
    assert audit_rows(engine) == []


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"{", "application/json"),
        (b'{"verdict": "accepted"}', "text/plain"),
        (b"verdict=accepted", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/json"),
        (b"", "application/json"),
        (b'{"verdict": "accepted", "note": "\\ud800"}', "application/json"),
        (b"[" * 50_000, "application/json"),
    ],
)
def test_what_is_no_document_is_refused(reviewer: TestClient, body: bytes, form: str) -> None:
    answer = reviewer.post(
        "/api/v1/sightings/1/reviews", content=body, headers={"Content-Type": form}
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == PROBLEM


def test_who_is_logged_in_may_ask_the_api_from_a_page_of_ours(
    app: FastAPI, seeded: sa.Engine
) -> None:
    client = logged_in_client(app)
    assert client.get("/api/v1/submissions").status_code == 200
    plate = plate_of(seeded, "DE5678")
    # A page elsewhere might make the browser do so.
    post_review(client, plate, 403, verdict="accepted")
    client.headers["X-CSRF-Token"] = form_token(client.get("/"))
    assert post_review(client, plate, 201, verdict="accepted")["reviewer"] == "ada"


def test_a_page_whose_filters_make_no_sense_keeps_no_review(
    app: FastAPI, seeded: sa.Engine
) -> None:
    client = logged_in_client(app)
    plate = plate_of(seeded, "DE5678")
    said = {"verdict": "corrected", "text": "\N{CJK UNIFIED IDEOGRAPH-8ECA}"}
    for verdict in (said, {"verdict": "accepted"}):
        form = verdict | {"csrf_token": form_token(client.get("/review"))}
        answer = client.post(f"/review/{plate}?since=nonsense", data=form)
        assert answer.status_code == 422
        assert "expected a year" in answer.text
    assert reviews.history(seeded, plate) == []
