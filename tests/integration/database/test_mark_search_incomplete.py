"""search_marks() and plates that are not seen whole: each finds the other's side."""

import pytest
import sqlalchemy as sa
from support.mark_queries import found
from support.seeded_readings import Reading, seed_readings

from hkplates.database.queries.sightings import sightings_of_mark
from hkplates.database.reviews.reviews import record


def part(pattern: str, confidence: float = 0.4) -> Reading:
    return Reading(pattern.replace("?", ""), confidence, pattern=pattern)


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [
        ("XR746?", "XR7461"),
        ("XR746?", "xr 746"),
        ("XR746?", "XR746?"),
        ("XR746?", "XR746*"),
        ("XR746?", "XR7*"),
        ("XR746?", "XR???"),
        ("?4086", "NT4086"),
        ("?4086", "??4086"),
        ("?4086", "*4086"),
        ("TK?", "TK8921"),
        ("XR?61", "XR7461"),
        ("?R74?", "XR7461"),
        ("AB12?", "AB????"),
    ],
)
def test_a_plate_not_seen_whole_is_found_from_its_seen_side(
    engine: sa.Engine, pattern: str, asked: str
) -> None:
    seed_readings(engine, [part(pattern), Reading("ZZ9999"), part("ZZ99?")])
    [match] = found(engine, asked)
    assert (match.pattern, match.complete) == (pattern, False)
    assert match.why == f"not seen whole: {pattern}"
    assert 0 < match.score <= match.confidence + 1e-6


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [("XR746?", "XR7561"), ("?4086", "NT4087"), ("TK?", "KT8921"), ("XR746?", "XR74"),
     ("XR746?", "XR??"), ("?4?", "NT4086")],
)  # fmt: skip
def test_one_that_cannot_bear_the_mark_is_not_found(
    engine: sa.Engine, pattern: str, asked: str
) -> None:
    seed_readings(engine, [part(pattern)])
    assert found(engine, asked) == []


def test_a_pattern_finds_the_whole_marks_that_it_may_be(engine: sa.Engine) -> None:
    seed_readings(engine, [Reading("XR7461"), Reading("XR746"), Reading("XR7462", 0.8)])
    matches = found(engine, "XR746?", look_alikes=False)
    assert [(one.mark, one.complete, one.pattern) for one in matches] == [
        ("XR7461", True, "XR7461"),
        ("XR7462", True, "XR7462"),
    ]


def test_whole_marks_come_first_and_the_fewer_are_missing_the_likelier(engine: sa.Engine) -> None:
    seed_readings(engine, [part("XR?"), part("XR746?"), Reading("XR7461", 0.6), part("XR74?")])
    assert [one.pattern for one in found(engine, "XR7461")] == ["XR7461", "XR746?", "XR74?", "XR?"]


def test_what_is_seen_of_a_plate_is_no_mark_of_its_own(engine: sa.Engine) -> None:
    seed_readings(engine, [part("XR746?"), Reading("XR746", 0.7)])
    assert [one.pattern for one in found(engine, "XR746")] == ["XR746", "XR746?"]
    assert found(engine, "XR746")[0].why == "read as asked"
    assert [one.pattern for one in found(engine, "XR746", look_alikes=False)] == ["XR746"]
    assert [one.pattern for one in sightings_of_mark(engine, "XR746")] == ["XR746"]
    both = sightings_of_mark(engine, "XR746", incomplete=True)
    assert sorted(one.pattern for one in both) == ["XR746", "XR746?"]


def test_a_person_who_corrects_it_says_the_whole_mark(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [part("XR746?")])
    record(engine, plate, "corrected", text="XR 7461", reviewer="ada")
    [match] = found(engine, "XR7461")
    assert (match.complete, match.pattern, match.score) == (True, "XR7461", 1)
    assert found(engine, "XR7462") == []


def test_one_that_a_person_accepts_stays_what_it_is(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [part("XR746?")])
    record(engine, plate, "accepted", reviewer="ada")
    [match] = found(engine, "XR7461")
    assert (match.complete, match.pattern) == (False, "XR746?")
    assert [one.why for one in found(engine, "XR746")] == ["not seen whole: XR746?"]


def test_one_that_is_no_plate_is_not_found(engine: sa.Engine) -> None:
    [plate] = seed_readings(engine, [part("XR746?")])
    record(engine, plate, "not_a_plate", reviewer="ada")
    assert found(engine, "XR7461") == []


@pytest.mark.parametrize(("asked", "index"), [("XR7461", "ix_plates_pattern"),
                                              ("*4086", "ix_plates_pattern_reversed")])  # fmt: skip
def test_it_is_looked_up_by_an_index(engine: sa.Engine, asked: str, index: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            INSERT INTO submissions (source) VALUES ('s3://car-park/');
            INSERT INTO model_versions (detector, reader, config, digest)
            VALUES ('d', 'r', '{}', decode(repeat('01', 32), 'hex'));
            INSERT INTO images (submission_id, store, bucket, key, etag, size, digest,
                                model_version_id, state)
            SELECT 1, 's3', 'car-park', n || '.jpg', '', 1, sha256(n::text::bytea), 1, 'done'
              FROM generate_series(1, 30000) AS n;
            INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region,
                                rows, colour, confidence, character_confidences, candidates, box,
                                quad, detector_score, reader, pattern)
            SELECT id, 1, 0, 'AB' || id, '', 'unknown', 'HK', 1, 'white', 0.4, '{}', '[]',
                   '{0,0,0,0}', '{{0,0},{0,0},{0,0},{0,0}}', 0.9, 'neural', 'AB' || id || '?'
              FROM images;
        """)
    # search_marks plans within itself: only the indexes' own counts tell that they were used.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE plates")
        searched = sa.text("SELECT count(*) FROM search_marks(:asked)")
        assert connection.execute(searched, {"asked": asked}).scalar_one() == 0
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        used = sa.text("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = :index")
        assert connection.execute(used, {"index": index}).scalar_one() > 0
