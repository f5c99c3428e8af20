"""The API: the same reads as the pages, as JSON, page by page."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from servers.ledgers import Ledger, keys, save_failed, submit, take
from support.api_client import get, get_all_pages, plate_of
from support.page_with_users import anonymous_client
from support.seeded_readings import Reading, seed_readings
from support.seeded_rows import JULY

from cli.submissions.next_steps import format_step
from hkplates.database.queries.mark_search import MarkQuery, search
from hkplates.database.queries.submissions import find_submission
from hkplates.reporting.status import statuses
from web.api import reviews, sightings, submissions
from web.api.router import openapi_document


def test_submissions_come_the_newest_first_and_page_by_page(
    api: TestClient, ledger: Ledger
) -> None:
    assert get(api, "/submissions") == {"items": [], "next": None}
    for number in range(5):
        ledger.intake.open_submission(f"s3://bucket/{number}/")
    found = get_all_pages(api, "/submissions", limit=2)
    assert [one["source"] for one in found] == [f"s3://bucket/{n}/" for n in (4, 3, 2, 1, 0)]
    assert found[0]["state"] == "listing"


def test_one_submission_is_told_as_on_the_command_line(api: TestClient, seeded: sa.Engine) -> None:
    row = find_submission(seeded, JULY)
    assert row is not None
    [status] = statuses(seeded, [row])
    body = get(api, f"/submissions/{JULY}")
    expected = status.as_json(format_step)
    moments = {"created_at", "listed_at", "finished_at", "opened_at", "seconds"}
    assert body.keys() == expected.keys()
    for name in body.keys() - moments:
        assert body[name] == expected[name], name
    assert body["images"]["done"] > 0
    assert body["reasons"] == {"undecodable": 2, "missing": 1, "timed_out": 1}


def test_failures_come_page_by_page_and_by_reason(
    api: TestClient, ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(5))
    taken = take(ledger)
    save_failed(engine, taken[:4])
    save_failed(engine, taken[4:], "empty")
    path = f"/submissions/{number}/failures"
    found = get_all_pages(api, path, limit=2)
    assert [one["image"] for one in found] == [one.id for one in taken]
    assert found[0]["uri"] == "s3://car-park/a/00000.jpg"
    assert [one["reason"] for one in get_all_pages(api, path, limit=200, reason="empty")] == [
        "empty"
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/submissions/77", 404),
        ("/submissions/77/failures", 404),
        ("/submissions/0", 422),
        ("/submissions/9223372036854775808", 422),
        ("/submissions/1x", 422),
        ("/submissions/1/failures?reason=bored", 422),
        ("/submissions?limit=0", 422),
        ("/submissions?limit=201", 422),
        ("/submissions?cursor=-1", 422),
        ("/nowhere", 404),
        ("/search?mark=", 422),
        ("/search", 422),
        ("/search?mark=***", 422),
        ("/search?mark=AB1234&since=July", 422),
        ("/search?mark=AB1234&limit=1001", 422),
        ("/search?mark=" + "A" * 65, 422),
        ("/sightings/77", 404),
        ("/sightings/77/crop", 404),
        ("/images/77/photo", 404),
        ("/images/1/photo?size=huge", 422),
        ("/marks/%00/sightings", 404),
        ("/marks/AB1234/sightings?cursor=what", 404),
        ("/reviews/queue?cursor=2_1", 404),
        ("/reviews/queue?below=1.5", 422),
        ("/reviews/queue?below=nan", 422),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_says_why(
    api: TestClient, seeded: sa.Engine, path: str, status: int
) -> None:
    problem = get(api, path, status)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


def test_a_value_that_cannot_be_used_is_named_and_not_repeated(api: TestClient) -> None:
    problem = get(api, "/search", 422, mark="AB1234", limit="hunter2", exact="maybe")
    assert [one["where"] for one in problem["errors"]] == ["query.exact", "query.limit"]
    assert "hunter2" not in str(problem)


def test_a_search_is_that_of_the_command_line(api: TestClient, seeded: sa.Engine) -> None:

    body = get(api, "/search", mark="DE6678", since="2026-07", limit=2)
    found = search(seeded, MarkQuery("DE6678", limit=2)).found
    assert found
    assert [one["plate_id"] for one in body["sightings"]] == [one.plate_id for one in found]
    assert body["sightings"][0]["mark"] == "DE5678"
    assert body["sightings"][0]["score"] == pytest.approx(found[0].score)
    assert get(api, "/search", mark="DE6678", exact=True)["sightings"] == []
    assert get(api, "/search", mark="DE6678", since="2027")["sightings"] == []
    assert get(api, "/search", mark="DE6678", prefix="nowhere/")["sightings"] == []


def test_a_sighting_comes_with_what_stands_beside_it(api: TestClient, seeded: sa.Engine) -> None:
    body = get(api, f"/sightings/{plate_of(seeded, 'FU1234')}")
    assert (body["mark"], body["text"], body["region"]) == ("FU1234", "FU 1234", "HK")
    assert [one["text"] for one in body["neighbours"]] == ["粤Z·1234港"]
    assert len(body["quad"]) == 4
    assert len(body["box"]) == 4
    assert body["history"] == []
    assert body["shown"] is True
    doubtful = get(api, f"/sightings/{plate_of(seeded, 'SB888')}")
    assert doubtful["candidates"] == [{"text": "S8 888", "confidence": 0.21}]
    assert [one["mark"] for one in doubtful["other_readings"]] == ["S8888"]


def test_the_sightings_of_a_mark_come_the_newest_first(api: TestClient, seeded: sa.Engine) -> None:
    found = get_all_pages(api, "/marks/ab 1234/sightings", limit=2)
    assert len(found) == 3
    taken = [one["taken_at"] for one in found]
    assert taken == sorted(taken, reverse=True)


def test_pictures_are_asked_for_by_number_and_nothing_else(
    api: TestClient, seeded: sa.Engine
) -> None:
    for path in ("/images/..%2f..%2fetc%2fpasswd/photo", "/images/%2e%2e/photo", "/images/1/../.."):
        answer = api.get(f"/api/v1{path}")
        assert answer.status_code in (404, 422)
        assert "root:" not in answer.text


def test_the_document_describes_every_address_and_value(app: FastAPI, api: TestClient) -> None:
    answer = api.get("/api/openapi.json")
    assert answer.status_code == 200
    body = answer.json()
    assert body == openapi_document(app)
    served = {
        (method.lower(), f"/api/v1{route.path}")
        for module in (submissions, sightings, reviews)
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    described = {(method, path) for path, of in body["paths"].items() for method in of}
    assert described == served
    assert not [path for path in body["paths"] if not path.startswith("/api/v1/")]
    for path, methods in body["paths"].items():
        for operation in methods.values():
            assert operation["security"] == [{"token": []}], path
            assert {"401", "422", "503"} <= operation["responses"].keys(), path
            assert operation.get("summary"), path


def test_the_document_needs_a_login_as_everything_does(app: FastAPI) -> None:
    assert anonymous_client(app).get("/api/openapi.json").status_code == 401


def test_a_plate_that_is_not_seen_whole_bears_a_mark_only_where_asked(
    api: TestClient, engine: sa.Engine
) -> None:
    seed_readings(engine, [Reading("XR746", 0.4, pattern="XR746?"), Reading("XR746", 0.9)])
    [whole, part] = get(api, "/search", mark="XR746")["sightings"]
    assert [(one["complete"], one["pattern"]) for one in (whole, part)] == [
        (True, "XR746"),
        (False, "XR746?"),
    ]
    assert [one["complete"] for one in get(api, "/marks/XR746/sightings")["items"]] == [True]
    both = get(api, "/marks/XR746/sightings", incomplete=True)["items"]
    assert sorted(one["pattern"] for one in both) == ["XR746", "XR746?"]
    queue = get(api, "/reviews/queue")["items"]
    assert [(one["complete"], one["pattern"]) for one in queue] == [(False, "XR746?")]
