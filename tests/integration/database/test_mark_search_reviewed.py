"""Tests search_marks() on a real Postgres where people reviewed what was read."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from support.mark_queries import found
from support.seeded_readings import Reading, seed_readings

from hkplates.database.reviews.reviews import record


def test_a_reviewed_plate_is_found_by_its_review_and_not_by_its_reading(engine: sa.Engine) -> None:
    doubt = (0.9, 0.5, 0.9, 0.9, 0.9, 0.9)
    corrected, accepted, nothing = seed_readings(
        engine, [Reading("A81234", 0.5, doubt) for _ in range(3)]
    )
    record(engine, corrected, "corrected", text="AB 1234", reviewer="ada")
    record(engine, accepted, "accepted", reviewer="ada")
    record(engine, nothing, "not_a_plate", reviewer="ada")
    for pattern in ("AB1234", "AB12*", "*B1234", "?B1234"):
        for look_alikes in (True, False):
            [match] = found(engine, pattern, look_alikes=look_alikes)
            assert (match.plate_id, match.mark, match.text) == (corrected, "AB1234", "AB 1234")
            assert (match.score, match.why) == (1, "corrected by a person")
            assert match.confidence == pytest.approx(0.48)
    for pattern in ("A81234", "A812*"):
        [match] = found(engine, pattern)
        assert (match.plate_id, match.score) == (accepted, 1)
        assert match.why == "accepted by a person"


def test_what_a_person_said_is_narrowed_as_everything(engine: sa.Engine) -> None:
    day = datetime(2026, 7, 1, tzinfo=UTC)
    here, gone = seed_readings(
        engine,
        [
            Reading("A81234", key="here/1.jpg", taken_at=day),
            Reading("A81234", key="here/2.jpg", taken_at=day, superseded=True),
        ],
    )
    for plate in (here, gone):
        record(engine, plate, "corrected", text="AB1234", reviewer="ada")
    for pattern in ("AB1234", "AB12*"):
        for more, count in (
            ({}, 1), ({"prefix": "here/"}, 1), ({"prefix": "s3://car-park/h"}, 1),
            ({"prefix": "there/"}, 0), ({"since": day}, 1), ({"until": day}, 0),
        ):  # fmt: skip
            assert len(found(engine, pattern, **more)) == count
            assert len(found(engine, pattern, look_alikes=False, **more)) == count


@pytest.mark.parametrize("look_alikes", [True, False])
def test_of_more_than_the_limit_the_latest_that_people_said_are_kept(
    engine: sa.Engine, look_alikes: bool
) -> None:
    days = (3, 28, None, 7, 28)  # the latest neither first nor last in any table
    readings = [
        Reading("A81234", taken_at=None if day is None else datetime(2026, 7, day, tzinfo=UTC))
        for day in days
    ]
    plates = seed_readings(engine, [*readings, Reading("A81234")])
    for plate in plates:
        record(engine, plate, "corrected", text="AB1234", reviewer="ada")
    latest = [plates[4], plates[1], plates[3], plates[0], plates[5], plates[2]]
    for limit in range(1, 7):
        kept = found(engine, "AB1234", limit=limit, look_alikes=look_alikes)
        assert [match.plate_id for match in kept] == latest[:limit]
