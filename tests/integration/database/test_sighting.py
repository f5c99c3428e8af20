"""Tests how one sighting and its neighbours are found, on a real Postgres."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from support.seeded_readings import Reading, seed_readings
from support.seeded_rows import at, seed_rows

from hkplates.database.queries.sightings import (
    find_sighting,
    neighbours,
    other_readings,
    sightings_of_mark,
)
from hkplates.database.reviews.reviews import record


def number(engine: sa.Engine, mark: str) -> int:
    query = sa.text("SELECT id FROM plates WHERE mark = :mark")
    with engine.connect() as connection:
        found: int = connection.execute(query, {"mark": mark}).scalar_one()
    return found


@pytest.fixture
def days(engine: sa.Engine) -> sa.Engine:
    """The two days of seeded_rows.py."""
    seed_rows(engine)
    return engine


def test_a_sighting_is_all_of_one_plate(days: sa.Engine) -> None:
    found = find_sighting(days, number(days, "DE5678"))
    assert found is not None
    assert (found.mark, found.text, found.series) == ("DE5678", "DE 5678", "usual")
    assert (found.read_mark, found.read_text) == ("DE5678", "DE 5678")
    assert found.uri == "s3://car-park/gate-south/16/072000.jpg"
    assert (found.store, found.bucket, found.key) == ("s3", "car-park", "gate-south/16/072000.jpg")
    assert (found.etag, found.width, found.height) == ("e1", 1920, 1080)
    assert (found.taken_at, found.processed_at) == (at("16 07:20:00"), at("16 09:03:20"))
    assert (found.milliseconds, found.submission_id, found.model_version_id) == (310, 1, 2)
    assert (found.model_detector, found.model_reader) == ("3f9a6c20", "neural 2")
    assert [one["text"] for one in found.candidates] == ["DE 6678", "OE 5678"]
    assert len(found.quad) == len(found.box) == 4
    assert len(found.character_confidences) == 6
    assert (found.shown, found.review) == (True, None)


def test_a_sighting_shows_the_current_review(days: sa.Engine) -> None:
    plate = number(days, "DE5678")
    record(days, plate, "accepted", reviewer="bo")
    review = record(days, plate, "corrected", text="DE 6678", reviewer="ada")
    found = find_sighting(days, plate)
    assert found is not None
    assert (found.mark, found.read_mark, found.review) == ("DE6678", "DE5678", review)
    record(days, plate, "not_a_plate", reviewer="ada")
    found = find_sighting(days, plate)
    assert found is not None
    assert not found.shown


def test_a_plate_that_is_not_there_is_none(days: sa.Engine) -> None:
    assert find_sighting(days, 4711) is None
    assert neighbours(days, 4711) == []
    assert other_readings(days, 4711) == []


def test_neighbours_are_the_other_sightings_of_the_photograph(days: sa.Engine) -> None:
    plate = number(days, "FU1234")
    [mainland] = neighbours(days, plate)
    assert (mainland.text, mainland.region) == ("粤Z·1234港", "CN")
    assert [one.plate_id for one in neighbours(days, mainland.plate_id)] == [plate]
    record(days, mainland.plate_id, "not_a_plate", reviewer="ada")
    assert neighbours(days, plate) == []


def test_other_readings_are_those_of_other_versions_at_the_same_place(days: sa.Engine) -> None:
    plate = number(days, "SB888")
    [other] = other_readings(days, plate)
    assert (other.mark, other.model_version_id, other.shown) == ("S8888", 1, False)
    with days.begin() as connection:
        away = "UPDATE plates SET quad = '{{0,0},{9,0},{9,9},{0,9}}' WHERE id = :id"
        connection.execute(sa.text(away), {"id": other.plate_id})
    assert other_readings(days, plate) == []


def test_the_sightings_of_a_mark_come_latest_first_page_by_page(engine: sa.Engine) -> None:
    noon = datetime(2026, 7, 15, 12, tzinfo=UTC)
    seen = Reading("AB1234", taken_at=noon)
    later = replace(seen, taken_at=noon + timedelta(hours=1))
    plates = seed_readings(
        engine,
        [seen, Reading("AB1234"), later, seen, Reading("KL77"), Reading("AB1234"),
         replace(seen, superseded=True)],
    )  # fmt: skip
    expected = [plates[n] for n in (2, 3, 0, 5, 1)]
    assert [one.plate_id for one in sightings_of_mark(engine, "ab 1234")] == expected
    paged = []
    before = None
    for _ in range(6):
        page = sightings_of_mark(engine, "AB1234", before=before, limit=1)
        paged += [one.plate_id for one in page]
        before = page[-1].cursor if page else before
    assert paged == expected


def test_the_sightings_of_a_mark_are_those_of_the_corrected_one(engine: sa.Engine) -> None:
    misread, _ = seed_readings(engine, [Reading("A81234"), Reading("AB1234")])
    record(engine, misread, "corrected", text="AB1234", reviewer="ada")
    assert len(sightings_of_mark(engine, "AB1234")) == 2
    assert sightings_of_mark(engine, "A81234") == []
