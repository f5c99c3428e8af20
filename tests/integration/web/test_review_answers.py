"""Answers in the review: what is the same reading, what is refused, and two people at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.browserless_client import BrowserlessClient, browserless_client
from support.seeded_readings import Reading, seed_readings

from hkplates.database.reviews.reviews import record


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


def test_blanks_do_not_make_a_correction(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_readings(engine, [Reading("EF8500", reader_confidence=0.5)])
    client.open("/sightings/1").press("Save", text="ef8500")
    assert ask(engine, "SELECT verdict, text FROM reviews") == [("accepted", "EF 8500")]


def test_nothing_typed_says_nothing_of_what_could_not_be_read(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, [Reading("", reader_confidence=0.5)])
    client.open("/sightings/1")
    assert not any("It is right" in button for button in client.buttons())
    client.press("Save", text=" ")
    assert client.status == 422
    assert "Type what is printed on it, or say that it is not a plate" in client.text
    assert ask(engine, "SELECT count(*) FROM reviews") == [(0,)]
    client.press("Save correction", text="AB 1234")
    assert client.address == "/sightings/1?said=reviewed"
    assert ask(engine, "SELECT verdict, text FROM reviews") == [("corrected", "AB 1234")]


def test_a_reading_is_accepted_from_its_own_page(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/sightings/4").press("It is right", text="")
    assert client.address == "/sightings/4?said=reviewed"
    assert ask(engine, "SELECT plate_id, verdict FROM reviews") == [(4, "accepted")]


@pytest.mark.parametrize("address", ["/review", "/sightings/1"])
def test_what_somebody_else_said_meanwhile_is_shown_and_asked_about(
    engine: sa.Engine, client: BrowserlessClient, address: str
) -> None:
    seed_readings(engine, DOUBTS)
    client.open(address)
    record(engine, 1, "corrected", text="AB 1284", reviewer="bo")
    client.press("Not a plate")
    assert client.status == 409
    assert "bo reviewed this reading after your page was loaded" in client.text
    assert "corrected as AB 1284" in client.text
    assert ask(engine, "SELECT verdict FROM reviews") == [("corrected",)]
    client.press("Not a plate")
    assert client.status == 200
    rows = ask(engine, "SELECT verdict, reviewer, current FROM reviews ORDER BY id")
    assert rows == [("corrected", "bo", False), ("not_a_plate", "local", True)]


def test_what_somebody_else_said_meanwhile_can_be_left_so(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review")
    record(engine, 1, "not_a_plate", reviewer="bo")
    client.press("It is right").follow("Skip")
    assert "It was read as CD 5678" in client.text


def test_an_answer_that_is_sent_twice_is_kept_once(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review")
    page = client.page
    client.press("It is right")
    client.page = page
    assert client.press("It is right").status == 200
    assert ask(engine, "SELECT count(*) FROM reviews") == [(1,)]


def test_a_refused_text_can_be_skipped_and_the_last_one_taken_back(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_readings(engine, DOUBTS)
    client.open("/review").press("It is right").press("Save correction", text="QQ 1")
    assert client.status == 422
    refused = client.page
    client.follow("Skip")
    assert "It was read as EF 9012" in client.text
    client.page = refused
    client.follow("Back to the last")
    assert "It was read as AB 1234" in client.text
