"""The sighting's page and the review: what is shown of a reading, and what people say about it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.browserless_client import BrowserlessClient, browserless_client
from support.seeded_readings import Reading, seed_readings
from support.seeded_rows import seed_rows


@pytest.fixture
def client(engine: sa.Engine, tmp_path: Path) -> Iterator[BrowserlessClient]:
    with browserless_client(engine, tmp_path) as one:
        yield one


def ask(engine: sa.Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


DOUBTS = [
    Reading(
        "AB1234",
        reader_confidence=0.5,
        candidates=(("AB 1234", 0.5), ("A8 1234", 0.3), ("AB 1284", 0.1)),
    ),
    Reading("CD5678", reader_confidence=0.6),
    Reading("EF9012", reader_confidence=0.7),
    Reading("GH345", reader_confidence=0.99),
]


def test_the_queue_shows_the_least_sure_first_and_how_many_are_left(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review")
    assert "3 left" in client.text
    assert "It was read as AB 1234 48% sure" in client.text
    assert "A8 1234" in client.text


def test_accepting_shows_the_next(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("It is right")
    assert "2 left" in client.text
    assert "It was read as CD 5678" in client.text
    assert ask(engine, "SELECT plate_id, verdict, mark, reviewer FROM reviews") == [
        (1, "accepted", "AB1234", "local")
    ]


def test_a_correction_is_kept_beside_what_was_read(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("Save correction", text="ab 1284")
    [row] = ask(engine, "SELECT mark, text, review, read_mark FROM sightings WHERE plate_id = 1")
    assert row == ("AB1284", "AB 1284", "corrected", "AB1234")
    assert ask(engine, "SELECT mark FROM plates WHERE id = 1") == [("AB1234",)]
    client.open("/sightings/1")
    assert "a person corrected the reading, which was AB 1234" in client.text
    assert "local: corrected as AB 1284" in client.text


def test_a_candidate_is_one_press_away(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("A8 1234")
    assert ask(engine, "SELECT verdict, mark FROM reviews") == [("corrected", "A81234")]


def test_a_correction_to_what_was_read_accepts_it(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("Save correction", text="ab 1234")
    assert ask(engine, "SELECT verdict, mark FROM reviews") == [("accepted", "AB1234")]


def test_what_is_no_plate_leaves_the_sightings(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("Not a plate")
    assert ask(engine, "SELECT verdict, mark FROM reviews") == [("not_a_plate", None)]
    assert ask(engine, "SELECT count(*) FROM sightings") == [(3,)]
    assert "found that this is no plate" in client.open("/sightings/1").text


def test_skipping_stores_nothing_and_goes_on_to_the_end(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").follow("Skip")
    assert "CD 5678" in client.text
    client.follow("Skip").follow("Skip")
    assert "You have come to the end" in client.text
    assert ask(engine, "SELECT count(*) FROM reviews") == [(0,)]
    client.follow("Look again at what you skipped")
    assert "AB 1234" in client.text


def test_the_last_one_can_be_taken_back_and_answered_anew(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("Not a plate").follow("Back to the last")
    assert "It was read as AB 1234" in client.text
    assert "found to be no plate" in client.text
    client.press("It is right")
    rows = ask(engine, "SELECT verdict, current FROM reviews ORDER BY id")
    assert rows == [("not_a_plate", False), ("accepted", True)]
    assert "CD 5678" in client.text


def test_the_queue_goes_on_where_it_was_after_a_skip(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").follow("Skip").press("It is right")
    assert "EF 9012" in client.text


def test_what_can_be_no_mark_is_said_and_nothing_is_kept(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("Save correction", text="QQ 1234567")
    assert client.status == 422
    assert "can be no mark" in client.text
    [field] = client.page.xpath("//input[@name='text' and @data-key]")
    assert field.get("value") == "QQ 1234567"
    assert ask(engine, "SELECT count(*) FROM reviews") == [(0,)]


def test_the_queue_is_narrowed_and_stays_so(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(
        engine,
        [Reading("AB1234", reader_confidence=0.9), Reading("CD5678", reader_confidence=0.95)],
    )
    assert "Nothing is left" in client.open("/review").text
    client.press("Show these", below="0.9")
    assert "1 left" in client.text
    client.press("It is right")
    assert "below=0.9" in client.address
    assert "Nothing is left" in client.text


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("below=much", "expected a number from 0 to 1"),
        ("below=nan", "expected a number from 0 to 1"),
        ("submission=first", "expected its number"),
        ("submission=9999999999999999999", "expected its number"),
        ("since=soon", "From: expected a year"),
    ],
)
def test_what_cannot_be_understood_is_said(
    client: BrowserlessClient, question: str, words: str
) -> None:
    assert client.open(f"/review?{question}").status == 422
    assert words in client.text


@pytest.mark.parametrize("tiny", ["1e-300", "1e-45", "4e-46", "5e-324"])
def test_a_number_may_be_as_small_as_one_likes(
    engine: sa.Engine, client: BrowserlessClient, tiny: str
) -> None:
    seed_readings(engine, DOUBTS)
    assert "Nothing is left" in client.open(f"/review?below={tiny}").text
    assert "AB 1234" in client.open(f"/review?after={tiny}_5").text
    queue = "/api/v1/reviews/queue"
    below = client.http.get(queue, params={"below": tiny})
    assert (below.status_code, below.json()["left"]) == (200, 0)
    after = client.http.get(queue, params={"cursor": f"{tiny}_5"})
    assert (after.status_code, after.json()["left"]) == (200, 3)


@pytest.mark.parametrize("after", ["x", "_", "0.5_", "0.5_x", "2_1", f"0.5_{2**63}", "nan_1"])
def test_an_invented_cursor_is_not_found(client: BrowserlessClient, after: str) -> None:
    assert client.http.get("/review", params={"after": after}).status_code == 404


def test_nothing_is_kept_where_the_queue_could_not_go_on(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review")
    for form in client.page.iter("form"):
        if form.method == "POST":
            form.set("action", "/review/1?after=xx")
    assert client.press("It is right").status == 404
    assert ask(engine, "SELECT count(*) FROM reviews") == [(0,)]


def test_a_sighting_tells_all_about_a_reading(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_rows(engine)
    [(number,)] = ask(engine, "SELECT plate_id FROM sightings WHERE mark = 'SB888'")
    text = client.open(f"/sightings/{number}").text
    assert "Seen 2026-07-16 07:15:00" in text
    assert "s3://car-park/gate-south/16/071500.jpg" in text
    assert "1,080 pixels" in text
    assert "S8 888 21%" in text  # a candidate
    assert "B 52%" in text  # a character
    assert "What others read here" in text
    assert "S8 888 neural, version 1 47%" in text
    [outline] = client.page.xpath("//polygon[contains(@class, 'this')]")
    assert outline.get("points") == "100.0,200.0 220.0,201.5 219.0,230.5 100.5,229.0"


def test_plates_on_the_same_vehicle_are_shown_together(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    [(number,)] = ask(engine, "SELECT plate_id FROM sightings WHERE mark = 'FU1234'")
    text = client.open(f"/sightings/{number}").text
    assert "On the same photograph" in text
    assert "粤Z·1234港 Mainland China, 71%" in text


def test_other_sightings_of_the_mark_stand_on_a_timeline(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    [(number,), *_] = ask(engine, "SELECT plate_id FROM sightings WHERE mark = 'AB1234'")
    client.open(f"/sightings/{number}")
    assert len(client.page.xpath("//*[name()='circle']")) == 3
    client.follow("All sightings of AB1234")
    assert "3 sightings" in client.text
    assert client.text.index("18:10:00") < client.text.index("08:02:11")


def test_many_sightings_of_a_mark_are_paged(engine: sa.Engine, client: BrowserlessClient) -> None:
    moments = [datetime(2026, 7, 1, n // 60, n % 60, tzinfo=UTC) for n in range(102)]
    seed_readings(
        engine, [Reading("AB1234", key=f"{n:03}.jpg", taken_at=m) for n, m in enumerate(moments)]
    )
    client.open("/marks/ab1234")
    assert "002.jpg" in client.text
    assert "001.jpg" not in client.text
    client.follow("Earlier")
    assert "2 sightings on this page" in client.text
    assert "001.jpg" in client.text


def test_a_reading_is_corrected_from_its_own_page(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/sightings/4").press("Save", text="GH 346")
    assert client.address.startswith("/sightings/4")
    assert "Your review is kept" in client.text
    assert ask(engine, "SELECT mark FROM sightings WHERE plate_id = 4") == [("GH346",)]


@pytest.mark.parametrize("address", ["/sightings/9", "/marks/%2D", "/review?plate=9"])
def test_what_is_not_there_is_not_found(
    engine: sa.Engine, client: BrowserlessClient, address: str
) -> None:
    seed_readings(engine, DOUBTS)
    assert client.http.get(address).status_code == 404


def test_reviews_are_downloaded_as_labels(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_rows(engine)
    [(number,)] = ask(engine, "SELECT plate_id FROM sightings WHERE mark = 'DE5678'")
    client.open(f"/sightings/{number}").press("Save", text="DE 6678")
    answer = client.http.get("/review/corrections.jsonl")
    assert "attachment" in answer.headers["content-disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    texts = [plate["text"] for line in lines for plate in line["plates"]]
    assert sorted(texts) == ["DE6678", "HX128", "KL77"]  # and what is no plate is none of them


def test_searches_sightings_and_reviews_leave_a_trail(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/search?mark=AB1234&purpose=a+lost+ticket")
    client.open("/sightings/1")
    client.open("/marks/AB1234")
    client.open("/review").press("It is right")
    client.http.get("/review/corrections.jsonl")
    rows = ask(engine, "SELECT action, actor, subject, purpose FROM audit ORDER BY id")
    actions = ["search", "sighting", "search", "sighting", "review", "sighting", "export"]
    assert [row[0] for row in rows] == actions
    assert {row[1] for row in rows} == {"local"}
    assert rows[0][2:] == ({"mark": "AB1234"}, "a lost ticket")
    assert [row[2] for row in rows[3:6]] == [
        {"plate": 1, "mark": "AB1234"},
        {"plate": 1, "verdict": "accepted", "mark": None},
        {"plate": 2, "mark": "CD5678"},
    ]


def test_whatever_review_shows_leaves_a_row(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review?plate=4")
    client.open("/review?submission=1&since=2026-07")
    rows = ask(engine, "SELECT action, subject FROM audit ORDER BY id")
    assert rows[0] == ("sighting", {"plate": 4, "mark": "GH345"})
    narrowed = {"doubtful": True, "below": "0.8", "submission": "1", "since": "2026-07"}
    assert rows[1] == ("search", narrowed)


@pytest.mark.parametrize("address", ["/review", "/api/v1/reviews/queue"])
def test_the_queue_cannot_be_read_at_any_pace(
    engine: sa.Engine, client: BrowserlessClient, address: str
) -> None:
    statuses = {client.http.get(address).status_code for _ in range(121)}
    assert statuses == {200, 429}
