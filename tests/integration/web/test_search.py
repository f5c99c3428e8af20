"""The search box: what is found and why, and what is said where nothing can be."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.browserless_client import BrowserlessClient, browserless_client
from support.seeded_readings import Reading, seed_readings


@pytest.fixture
def client(engine: sa.Engine, tmp_path: Path) -> Iterator[BrowserlessClient]:
    with browserless_client(engine, tmp_path) as one:
        yield one


def test_without_a_question_it_explains_how_to_ask(client: BrowserlessClient) -> None:
    page = client.open("/search")
    assert "stands for one character you did not see" in page.text
    assert "stands for any number of characters" in page.text


def test_a_misread_mark_is_found_with_the_reason(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(
        engine, [Reading("AB1234"), Reading("A81234", reader_confidence=0.6), Reading("XY999")]
    )
    client.open("/search").press("Search", mark="ab 1234")
    assert "2 sightings" in client.text
    assert "A8 1234" in client.text
    assert "XY 999" not in client.text
    assert "Read as asked" in client.text
    assert "B read as 8 in place 2" in client.text


def test_plates_are_drawn_as_they_look(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, [Reading("AB1234"), Reading("A81234", reader_confidence=0.6)])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE plates SET colour = 'yellow', rows = 2 WHERE id = 2"))
    client.open("/search?mark=AB1234")
    drawn = client.page.xpath("//article//span[contains(@class, 'mark')]")
    assert [(one.get("class").split(), one.text) for one in drawn] == [
        (["mark", "white"], "AB 1234"),
        (["mark", "yellow"], "A8\n1234"),
    ]


def test_only_what_was_read_just_so(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, [Reading("AB1234"), Reading("A81234", reader_confidence=0.6)])
    client.open("/search").press("Search", mark="AB1234", exact="true")
    assert "1 sighting" in client.text
    assert "A8 1234" not in client.text


def test_time_and_place_narrow_it(engine: sa.Engine, client: BrowserlessClient) -> None:
    july, august = datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)
    seed_readings(
        engine,
        [
            Reading("AB1234", key="gate-1/a.jpg", taken_at=july),
            Reading("AB1234", key="gate-2/b.jpg", taken_at=july),
            Reading("AB1234", key="gate-1/c.jpg", taken_at=august),
        ],
    )
    client.open("/search")
    client.press("Search", mark="AB1234", since="2026-07", until="2026-07", prefix="gate-1/")
    assert "gate-1/a.jpg" in client.text
    assert "b.jpg" not in client.text
    assert "c.jpg" not in client.text


def test_nothing_found_says_what_to_try(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, [Reading("AB1234")])
    assert "Nothing was found" in client.open("/search?mark=ZZ9999").text
    assert "Try fewer characters" in client.text


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("mark=*", "names fewer than two characters"),
        ("mark=%3F%3F%3F", "names fewer than two characters"),
        ("mark=-", "A mark is asked with letters, digits"),
        ("mark=AB1234&since=yesterday", "From: expected a year"),
        ("mark=AB1234&until=2026-13", "Until: expected a year"),
    ],
)
def test_a_question_that_cannot_be_is_answered_in_words(
    client: BrowserlessClient, question: str, words: str
) -> None:
    assert client.open(f"/search?{question}").status == 422
    assert words in client.text
    assert "Search for a mark" in client.heading


def test_there_are_more_than_a_page_holds(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, [Reading("AB1234")] * 50)
    assert "48 likeliest sightings" in client.open("/search?mark=AB1234").text
    assert "50 sightings" in client.follow("Show more").text


def test_what_was_typed_stands_in_the_box_and_is_escaped(client: BrowserlessClient) -> None:
    client.open("/search?mark=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert client.page.find(".//main//script") is None
    [box] = client.page.xpath("//input[@name='mark']")
    assert box.get("value") == '"><script>alert(1)</script>'


def test_a_plate_that_is_not_seen_whole_is_shown_with_its_gap_and_bears_no_mark(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    [part, _] = seed_readings(
        engine, [Reading("XR746", 0.4, pattern="XR746?"), Reading("XR7461", 0.9)]
    )
    client.open("/search").press("Search", mark="XR7461")
    assert "1 sighting, and 1 not seen whole" in client.text
    assert "Not seen whole: XR746?" in client.text
    client.open(f"/sightings/{part}")
    assert "This plate is not seen whole" in client.text
    assert "It is right as far as it is seen" in client.text
    assert "When XR746 was seen" not in client.text
    client.open("/marks/XR746")
    assert "No plate bears this mark." in client.text
