"""Reviews on a real Postgres: recorded, shown, queued, and one at a time current."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from servers.ledgers import at_once, column, execute
from support.seeded_readings import NEW, OLD, Reading, seed_readings

from hkplates.database.queries.sightings import find_sighting, neighbours, other_readings
from hkplates.database.reviews.queue import DOUBTFUL, count_remaining, review_queue
from hkplates.database.reviews.reviews import PlateUnknown, Review, ReviewInvalid, history, record

NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)


def shown(engine: sa.Engine) -> list[tuple[object, ...]]:
    query = sa.text("SELECT mark, text, series, review, read_mark FROM sightings ORDER BY plate_id")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_reading_has_no_review_until_somebody_records_one(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [Reading("AB1234")])
    assert shown(engine) == [("AB1234", "AB 1234", "usual", None, "AB1234")]
    assert history(engine, plate) == []


def test_a_correction_is_shown_and_what_was_read_stays(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [Reading("A81234")])
    review = record(engine, plate, "corrected", text=" narita ", reviewer="ada", note="clear")
    assert shown(engine) == [("NAR1TA", "NARITA", "personalised", "corrected", "A81234")]
    assert column(engine, "SELECT mark || text || series FROM plates") == ["A81234A8 1234usual"]
    assert (review.mark, review.text, review.reviewer, review.note) == (
        "NAR1TA",
        "NARITA",
        "ada",
        "clear",
    )
    assert review.current
    assert history(engine, plate) == [review]


def test_an_accepted_reading_says_so(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [Reading("AB1234")])
    review = record(engine, plate, "accepted", reviewer="ada")
    assert (review.mark, review.text, review.series) == ("AB1234", "AB 1234", "usual")
    assert shown(engine) == [("AB1234", "AB 1234", "usual", "accepted", "AB1234")]


def test_what_is_no_plate_is_no_sighting(engine: sa.Engine) -> None:
    plate, _ = seed_readings(engine, [Reading("AB1234"), Reading("KL77")])
    review = record(engine, plate, "not_a_plate", reviewer="ada")
    assert (review.mark, review.text, review.series) == (None, None, None)
    assert [row[0] for row in shown(engine)] == ["KL77"]


def test_the_latest_review_is_current_and_all_are_kept(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [Reading("A81234")])
    record(engine, plate, "not_a_plate", reviewer="ada")
    record(engine, plate, "corrected", text="AB1234", reviewer="bo")
    record(engine, plate, "accepted", reviewer="ada")
    said = history(engine, plate)
    assert [(one.verdict, one.reviewer, one.current) for one in said] == [
        ("accepted", "ada", True),
        ("corrected", "bo", False),
        ("not_a_plate", "ada", False),
    ]
    assert shown(engine) == [("A81234", "A8 1234", "usual", "accepted", "A81234")]


def test_the_same_review_twice_is_one(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [Reading("A81234")])
    said = [record(engine, plate, "corrected", text=t, reviewer="ada") for t in ("AB 12", "ab 12")]
    assert said[0] == said[1]
    record(engine, plate, "corrected", text="AB 12", reviewer="bo")
    assert len(history(engine, plate)) == 2


@pytest.mark.parametrize(
    ("verdict", "text", "reviewer", "message"),
    [
        ("skipped", None, "ada", "accepted, corrected, not_a_plate"),
        ("corrected", None, "ada", "a text belongs to a correction"),
        ("accepted", "AB1234", "ada", "a text belongs to a correction"),
        ("corrected", "", "ada", "can be no mark"),
        ("corrected", "粤Z1234", "ada", "can be no mark"),
        ("corrected", "ABCDE12345", "ada", "can be no mark"),
        ("corrected", "QA 1234", "ada", "can be no mark"),
        ("corrected", "\N{LATIN SMALL LETTER SHARP S}1", "ada", "can be no mark"),
        ("corrected", "\N{LATIN SMALL LIGATURE FI} 12", "ada", "can be no mark"),
        ("corrected", "\N{LATIN SMALL LETTER DOTLESS I}12", "ada", "can be no mark"),
        ("accepted", None, "  ", "names its reviewer"),
    ],
)
def test_a_review_that_cannot_be_is_refused_and_changes_nothing(
    engine: sa.Engine, verdict: str, text: str | None, reviewer: str, message: str
) -> None:
    [plate] = seed_readings(engine, [Reading("AB1234")])
    with pytest.raises(ReviewInvalid, match=message):
        record(engine, plate, verdict, text=text, reviewer=reviewer)
    assert history(engine, plate) == []


def test_a_plate_that_is_not_there_is_refused(engine: sa.Engine) -> None:
    with pytest.raises(PlateUnknown, match="no plate 77"):
        record(engine, 77, "accepted", reviewer="ada")


@pytest.mark.parametrize("number", [2**63, 2**70, -(2**70)])
def test_a_number_beyond_those_of_postgres_is_that_of_no_plate(
    engine: sa.Engine, number: int
) -> None:
    seed_readings(engine, [Reading("AB1234", 0.4)])
    with pytest.raises(PlateUnknown, match=f"no plate {number};"):
        record(engine, number, "accepted", reviewer="ada")
    assert history(engine, number) == []
    assert find_sighting(engine, number) is None
    assert neighbours(engine, number) == []
    assert other_readings(engine, number) == []
    assert review_queue(engine, replace(DOUBTFUL, submission=number)) == []


def test_two_people_at_the_same_moment_leave_one_current_review_and_both_are_kept(
    engine: sa.Engine,
) -> None:
    [plate] = seed_readings(engine, [Reading("A81234")])

    def by(reviewer: str, text: str) -> None:
        for n in range(10):
            record(engine, plate, "corrected", text=text, reviewer=reviewer, note=f"{n}")

    at_once(lambda: by("ada", "AB1234"), lambda: by("bo", "AB1235"))
    said = history(engine, plate)
    assert len(said) == 20
    assert [one.current for one in said] == [True] + [False] * 19
    assert shown(engine)[0][0] == said[0].mark


def test_the_least_sure_come_first_page_by_page(engine: sa.Engine) -> None:
    sure = (0.7, 0.3, 0.5, 0.3, 0.99)
    plates = seed_readings(engine, [Reading("AB1234", one) for one in sure])
    first = review_queue(engine, limit=2)
    assert [one.plate_id for one in first] == [plates[1], plates[3]]
    second = review_queue(engine, limit=2, after=first[-1].cursor)
    assert [one.plate_id for one in second] == [plates[2], plates[0]]
    assert review_queue(engine, after=second[-1].cursor) == []
    assert count_remaining(engine) == (4, True)
    assert count_remaining(engine, replace(DOUBTFUL, below=0.4)) == (2, True)


def test_a_reviewed_plate_or_one_that_is_not_shown_is_not_in_the_queue(engine: sa.Engine) -> None:
    done, left, *_ = seed_readings(
        engine,
        [
            Reading("AB1234", 0.4),
            Reading("KL77", 0.4),
            Reading("KL78", 0.4, superseded=True),
            Reading("KL79", 0.4, version=OLD, current_version=NEW),
        ],
    )
    record(engine, done, "accepted", reviewer="ada")
    assert [one.plate_id for one in review_queue(engine)] == [left]
    assert count_remaining(engine) == (1, True)


def test_the_queue_is_narrowed_by_time_place_submission_and_region(engine: sa.Engine) -> None:
    here, there = seed_readings(
        engine,
        [
            Reading("AB1234", 0.4, key="a/1.jpg", taken_at=NOON),
            Reading("KL77", 0.4, key="b/1.jpg"),
        ],
    )
    for narrowed, found in (
        ({"prefix": "a/"}, [here]),
        ({"prefix": "s3://car-park/b"}, [there]),
        ({"since": NOON}, [here]),
        ({"until": NOON}, []),
        ({"submission": 1}, [here, there]),
        ({"submission": 2}, []),
        ({"region": "CN"}, []),
        ({"below": 0.1}, []),
    ):
        where = replace(DOUBTFUL, **narrowed)
        assert [one.plate_id for one in review_queue(engine, where)] == found
        assert count_remaining(engine, where) == (len(found), True)


def test_the_queue_is_not_counted_beyond_a_thousand(engine: sa.Engine) -> None:
    seed_readings(engine, [Reading("AB1234", 0.4)])
    execute(
        engine,
        """
        INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region, rows,
                            colour, confidence, character_confidences, candidates, box, quad,
                            detector_score, reader)
        SELECT 1, 2, n, '', '', 'unknown', 'HK', 1, 'white', 0.5, '{}', '[]', '{0,0,0,0}',
               '{{0,0},{0,0},{0,0},{0,0}}', 0.96, 'neural'
          FROM generate_series(1, 1500) AS n
        """,
    )
    assert count_remaining(engine) == (1000, False)


def test_a_review_says_when_it_was_said(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [Reading("AB1234")])
    before = datetime.now(UTC)
    review: Review = record(engine, plate, "accepted", reviewer="ada")
    assert abs((review.reviewed_at - before).total_seconds()) < 60
