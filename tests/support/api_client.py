"""Sends requests to the API as a program does, and checks status and content type."""

from typing import Any

import sqlalchemy as sa
from fastapi.testclient import TestClient

from web.errors import PROBLEM


def get(api: TestClient, path: str, status: int = 200, **asked: Any) -> Any:
    answer = api.get(f"/api/v1{path}", params=asked or None)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == ("application/json" if status == 200 else PROBLEM)
    return answer.json()


def get_all_pages(api: TestClient, path: str, **asked: Any) -> list[Any]:
    """Returns all items of a list, fetched one page after the other."""
    found, cursor = [], {}
    while True:
        page = get(api, path, **asked, **cursor)
        assert len(page["items"]) <= asked["limit"]
        found += page["items"]
        if page["next"] is None:
            return found
        assert len(page["items"]) == asked["limit"]
        cursor = {"cursor": page["next"]}


def plate_of(engine: sa.Engine, mark: str) -> int:
    query = sa.text("SELECT plate_id FROM sightings WHERE mark = :mark ORDER BY plate_id LIMIT 1")
    with engine.connect() as connection:
        return int(connection.execute(query, {"mark": mark}).scalar_one())


def post_review(client: TestClient, plate: int, status: int, **said: Any) -> Any:
    answer = client.post(f"/api/v1/sightings/{plate}/reviews", json=said)
    assert answer.status_code == status, answer.text
    return answer.json()
