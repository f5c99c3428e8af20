"""search_marks() on a real Postgres: its matches with reasons, their order and the indexes."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from support.mark_queries import found, search_for
from support.mark_score import score
from support.seeded_readings import NEW, OLD, Reading, seed_readings

from hkplates.database.queries.mark_search import PatternInvalid
from hkplates.recognition import marks

DOUBT = (0.99, 0.99, 0.5, 0.99, 0.99, 0.99)  # of the third character


def read(engine: sa.Engine, pattern: str, **more: Any) -> list[str]:
    return [match.mark for match in found(engine, pattern, **more)]


@pytest.mark.parametrize(
    ("reading", "asked", "why"),
    [
        (Reading("AB1234"), "AB1234", "read as asked"),
        (Reading("AB1234"), "A?1*", "read as asked"),
        (Reading("A88123", 0.6, candidates=(("AB 8123", 0.3),)), "AB8123",
         "second reading of A88123"),
        (Reading("AB8234", 0.5, DOUBT), "AB3234", "3 read as 8 in place 3"),
        (Reading("AB8234", 0.5, DOUBT), "AB3?34", "3 read as 8 in place 3"),
        (Reading("AB8234", 0.5, DOUBT), "*3234", "3 read as 8 in place 4 from the end"),
        (Reading("AB8234", 0.5, (0.9, 0.4, 0.4, 0.9, 0.9, 0.9)), "A83234",
         "8 read as B in place 2, 3 read as 8 in place 3"),
        (Reading("AB11234", 0.5, (0.99, 0.99, 0.4, 0.99, 0.99, 0.99, 0.99)), "AB1234",
         "one character more: 1 in place 3"),
        (Reading("AB123", 0.3), "AB1231", "one character less: 1 missing in place 6"),
        (Reading("AB123", 0.3), "AB?123", "one character less: none in place 3"),
    ],
)  # fmt: skip
def test_a_reading_is_found_and_says_why(
    engine: sa.Engine, reading: Reading, asked: str, why: str
) -> None:
    seed_readings(engine, [reading, Reading("ZZ9999"), Reading("")])
    [match] = found(engine, asked)
    assert (match.mark, match.why) == (reading.mark, why)
    assert match.confidence == pytest.approx(reading.confidence)
    assert 0 < match.score <= match.confidence + 1e-6
    assert (match.score == match.confidence) == (why == "read as asked")


def test_the_likeliest_come_first_and_what_was_read_so_before_what_was_not(
    engine: sa.Engine,
) -> None:
    seed_readings(
        engine,
        [
            Reading("AB8123", 0.97),
            Reading("A88123", 0.55, candidates=(("AB8123", 0.4),)),
            Reading("AB8123", 0.6),
            Reading("AB3123", 0.5, DOUBT),
            Reading("AB0123", 0.9, (0.99, 0.99, 0.9, 0.99, 0.99, 0.99)),
            Reading("AB8124", 0.999),
        ],
    )
    matches = found(engine, "AB8123")
    assert [match.mark for match in matches] == ["AB8123", "AB8123", "A88123", "AB3123", "AB0123"]
    assert [match.score for match in matches] == sorted((m.score for m in matches), reverse=True)
    assert read(engine, "AB8123", limit=2) == ["AB8123", "AB8123"]
    assert read(engine, "AB8123", min_score=0.3) == ["AB8123", "AB8123", "A88123"]
    assert read(engine, "AB8123", look_alikes=False) == ["AB8123", "AB8123"]


@pytest.mark.parametrize("asked", ["nar1ta", "NARITA", "n a r i t a", "NAR-1TA", "NA?1TA", "*RITA"])
def test_blanks_and_case_do_not_count_and_i_is_1(engine: sa.Engine, asked: str) -> None:
    seed_readings(engine, [Reading("NAR1TA")])
    assert read(engine, asked) == ["NAR1TA"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("AB*", {"AB1", "AB12", "AB1234", "AB12345"}),
        ("*34", {"AB1234", "XB1234"}),
        ("AB????", {"AB1234"}),
        ("?B1234", {"AB1234", "XB1234"}),
        ("*B12*", {"AB12", "AB1234", "AB12345", "XB1234"}),
        ("A*?4", {"AB1234"}),
        ("AB12**", {"AB12", "AB1234", "AB12345"}),
        ("AB12?*", {"AB1234", "AB12345"}),
    ],
)
def test_wildcards(engine: sa.Engine, pattern: str, expected: set[str]) -> None:
    seed_readings(
        engine, [Reading(m, 0.9999) for m in ("AB1", "AB12", "AB1234", "AB12345", "XB1234", "")]
    )
    assert set(read(engine, pattern, look_alikes=False)) == expected
    # As LIKE understands it.
    like = marks_like(engine, pattern)
    assert set(read(engine, pattern, look_alikes=False)) == like


def marks_like(engine: sa.Engine, pattern: str) -> set[str]:
    query = sa.text("SELECT mark FROM sightings WHERE mark LIKE :like")
    like = pattern.replace("?", "_").replace("*", "%")
    with engine.connect() as connection:
        return set(connection.execute(query, {"like": like}).scalars())


@pytest.mark.parametrize(
    "pattern",
    ["", " ", "*", "???", "*1*", "A*", "?1?", "*1*2*", "??*B1*", "AB%", "AB_1", "粤Z1234",
     "A'; DROP TABLE plates", "AB1234\\", "A" * 21, "AB1234\0", "$1", "%s", ":pattern"],
)  # fmt: skip
def test_what_is_no_mark_or_too_loose_is_refused_with_what_is_allowed(
    engine: sa.Engine, pattern: str
) -> None:
    seed_readings(engine, [Reading("AB1234")])
    with pytest.raises(PatternInvalid, match=r"AB\*|side by side"):
        search_for(engine, pattern)
    assert read(engine, "AB1234") == ["AB1234"]


def test_what_narrows_is_a_value_and_never_sql(engine: sa.Engine) -> None:
    seed_readings(
        engine, [Reading("AB1234", key="a'b%/1.jpg"), Reading("AB1234", key="axb%/1.jpg")]
    )
    assert len(found(engine, "AB1234", prefix="a'b%/")) == 1
    assert found(engine, "AB1234", prefix="' OR true --") == []


def test_time_and_place_narrow_every_kind_of_search(engine: sa.Engine) -> None:
    days = [datetime(2026, 7, day, tzinfo=UTC) for day in (1, 2, 3)]
    seed_readings(
        engine,
        [
            reading
            for day in days
            for reading in (
                Reading("AB1234", taken_at=day, key=f"{day:%d}/a.jpg"),
                Reading("AB1284", 0.5, (0.9, 0.9, 0.9, 0.9, 0.5, 0.9), taken_at=day),
            )
        ]
        + [Reading("AB1234", key="undated.jpg")],
    )
    for pattern in ("AB1234", "AB?234", "AB12*", "*1234"):
        assert len(read(engine, pattern)) == 7
        assert len(read(engine, pattern, since=days[1])) == 4
        assert len(read(engine, pattern, since=days[1], until=days[2])) == 2
        assert len(read(engine, pattern, until=days[1])) == 2
        assert len(read(engine, pattern, prefix="02/")) == 1
        assert len(read(engine, pattern, prefix="s3://car-park/")) == 7
        assert read(engine, pattern, prefix="s3://other/") == []


def test_a_wide_time_is_asked_of_each_image_and_answers_the_same(engine: sa.Engine) -> None:
    day = datetime(2026, 7, 1, tzinfo=UTC)
    seed_readings(
        engine, [Reading("AB1234", taken_at=day), Reading("AB1234"), Reading("AB12", taken_at=day)]
    )
    with engine.begin() as connection:
        query = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'search_marks'"
        body = connection.execute(sa.text(query)).scalar_one()
        limit = "most_in_window CONSTANT integer := {}"
        assert limit.format(50000) in body
        driver = connection.connection.driver_connection
        driver.execute(body.replace(limit.format(50000), limit.format(0)))
    assert sorted(read(engine, "AB*", since=day, until=day.replace(day=2))) == ["AB12", "AB1234"]


@pytest.mark.parametrize("pattern", ["AB1234", "AB12*", "AB?234", "AB8234"])
def test_only_what_sightings_shows_is_found(engine: sa.Engine, pattern: str) -> None:
    doubtful = (0.9, 0.9, 0.4, 0.9, 0.9, 0.9)
    shown, *_ = seed_readings(
        engine,
        [
            Reading("AB1234", 0.5, doubtful),
            Reading("AB1234", 0.5, doubtful, superseded=True),
            Reading("AB1234", 0.5, doubtful, version=OLD, current_version=NEW),
            Reading("", 0.5),
        ],
    )
    assert [match.plate_id for match in found(engine, pattern)] == [shown]


def test_the_score_is_the_documented_one(engine: sa.Engine) -> None:
    """Scores random readings of random marks by the function and once more in Python."""
    chance = random.Random(7)
    asked = ["".join((*chance.choices("ABDSZG", k=2), *chance.choices("0123456789", k=4)))
             for _ in range(25)]  # fmt: skip
    readings = [altered(chance, chance.choice(asked), asked) for _ in range(600)]
    ids = seed_readings(engine, readings)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("TABLE confusable_characters")).all()
    confusions = {(row.read_character, row.true_character): row.probability for row in rows}
    compared = 0
    for mark in asked:
        expected = {
            plate: value
            for plate, reading in zip(ids, readings, strict=True)
            if (value := score(mark, reading, confusions)) >= 0.001
        }
        given = {m.plate_id: m.score for m in found(engine, mark, limit=1000)}
        for plate in expected.keys() ^ given.keys():  # at the very edge, digits decide
            assert expected.get(plate, given.get(plate)) == pytest.approx(0.001, rel=1e-3)
        for plate in expected.keys() & given.keys():
            assert given[plate] == pytest.approx(expected[plate], rel=1e-3)
            compared += 1
    assert compared > 300


def altered(chance: random.Random, mark: str, others: list[str]) -> Reading:
    read = list(mark)
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        at = chance.randrange(len(read))
        change = chance.choice(("shape", "shape", "any", "less", "more"))
        if change == "less" and len(read) > 1:
            del read[at]
        elif change == "more":
            read.insert(at, chance.choice("1I7A"))
        else:
            read[at] = chance.choice("8B5S2Z0D6G" if change == "shape" else marks.ALPHABET)
    text = marks.canonical("".join(read))
    sure = chance.random()
    candidates = tuple((m, chance.random() * (1 - sure)) for m in chance.sample(others, 2))
    characters = tuple(chance.uniform(0.05, 1) for _ in text)
    return Reading(text, sure, characters if chance.random() < 0.9 else (), candidates)


def test_no_pattern_reads_the_whole_table(engine: sa.Engine) -> None:
    fill = """
        INSERT INTO plates (image_id, model_version_id, position, mark, text, series, region, rows,
                            colour, confidence, character_confidences, candidates, box, quad,
                            detector_score, reader)
        SELECT 1, 2, n, chr(65 + n % 7) || chr(66 + n / 7 % 6) || 1000 + n * 7 % 9000, '',
               'usual', 'HK', 1, 'white', 0.5 + n % 40 / 100.0,
               '{0.9,0.9,0.9,0.9,0.9,0.9}', '[]', '{0,0,0,0}',
               '{{0,0},{0,0},{0,0},{0,0}}', 0.96, 'neural'
          FROM generate_series(1, 30000) AS n
    """
    seed_readings(engine, [Reading("AB1234", taken_at=datetime(2026, 7, 1, tzinfo=UTC))])
    with engine.begin() as connection:
        connection.execute(sa.text(fill))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE plates"))
    for pattern in ("AB1234", "AB?234", "A?1?34", "AB1*", "*1234", "*123*", "A*34", "AB?1234"):
        for narrowed in ("", ", since => '2026-07-01'", ", prefix => '0'"):
            with engine.begin() as connection:
                connection.execute(sa.text(f"SELECT FROM search_marks(:pattern{narrowed})"),
                                   {"pattern": pattern})  # fmt: skip
                scans = connection.execute(
                    sa.text("SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables "
                            "WHERE relname = 'plates'")
                ).one()  # fmt: skip
            assert scans.seq_scan == 0, pattern
            assert scans.idx_scan > 0


def test_an_answer_that_left_look_alikes_out_says_so(engine: sa.Engine) -> None:
    seed_readings(
        engine, [Reading("A81234", 0.5, (0.9, 0.5, 0.9, 0.9, 0.9, 0.9)) for _ in range(2001)]
    )
    matches = search_for(engine, "AB*")
    assert len(matches.found) == 50
    assert matches.note is not None
    assert "more readings than are looked at" in matches.note
    assert search_for(engine, "A81*").note is None


@pytest.mark.parametrize(
    ("pattern", "more"),
    [("AB1234", {"prefix": "here/"}), ("AB1234", {"since": datetime(2026, 7, 1, tzinfo=UTC)})],
)
def test_look_alikes_that_others_keep_from_being_looked_at_are_not_left_out_in_silence(
    engine: sa.Engine, pattern: str, more: dict[str, object]
) -> None:
    doubt = (0.9, 0.5, 0.9, 0.9, 0.9, 0.9)
    here = Reading(
        "A81234", 0.4, doubt, key="here/1.jpg", taken_at=datetime(2026, 7, 2, tzinfo=UTC)
    )
    seed_readings(engine, [Reading("A81234", 0.5, doubt) for _ in range(3000)] + [here])
    matches = search_for(engine, pattern, **more)
    assert matches.found == []
    assert matches.note is not None


def test_a_narrow_prefix_has_its_look_alikes_whatever_lies_elsewhere(engine: sa.Engine) -> None:
    doubt = (0.9, 0.5, 0.9, 0.9, 0.9, 0.9)
    here = Reading("A81234", 0.4, doubt, key="here/1.jpg")
    *_, plate = seed_readings(engine, [Reading("A81234", 0.5, doubt) for _ in range(3000)] + [here])
    for prefix in ("here/", "s3://car-park/here/"):
        matches = search_for(engine, "AB12*", prefix=prefix)
        assert ([one.plate_id for one in matches.found], matches.note) == ([plate], None)


def test_a_prefix_is_the_beginning_of_the_whole_key_however_it_is_looked_up(
    engine: sa.Engine,
) -> None:
    deep = "2026/" + "very-long-name/" * 6
    keys = [f"{deep}a.jpg", f"{deep}b.jpg", "2026/%_a.jpg", "2026/x_a.jpg", "2026"]
    seed_readings(engine, [Reading("AB1234", key=key) for key in keys])
    with engine.begin() as connection:  # one from a folder, where a URI's bucket may be any part
        folder = "UPDATE images SET store = 'folder', bucket = '/photos/car park' WHERE id = 4"
        connection.execute(sa.text(folder))
    for prefix, count in (
        ("", 5), ("2026", 5), ("2026/", 4), (deep, 2), (f"{deep}b", 1), (f"{deep}c", 0),
        ("2026/%", 1), ("2026/x", 1), ("s3://car-park/2026/", 3), ("s3://car-park/", 4),
        ("s3://car", 4), ("s3://other/2026/", 0), (f"s3://car-park/{deep}b", 1),
        ("file:///photos/car park/2026/x", 1), ("file:///photos/", 1),
    ):  # fmt: skip
        for pattern in ("AB1234", "AB12*"):
            for more in ({}, {"look_alikes": False}):
                assert len(read(engine, pattern, prefix=prefix, **more)) == count, prefix


def test_a_wide_prefix_is_not_looked_up_first_whoever_asks(engine: sa.Engine) -> None:
    seed_readings(engine, [Reading("AB1234", key=f"{n:04}.jpg") for n in range(1000)])
    with engine.begin() as connection:
        connection.execute(sa.text("ANALYZE images"))
        connection.execute(sa.text("SET LOCAL ROLE hkplates_reader"))
        below = sa.text("SELECT cardinality(images_below(:prefix, 50000))")
        asked = [connection.execute(below, {"prefix": one}).scalar_one() for one in ("0", "07771")]
        assert asked == [None, 0]
        assert connection.execute(below, {"prefix": "0777."}).scalar_one() == 1


def test_readers_may_search_and_functions_say_what_they_are(engine: sa.Engine) -> None:
    seed_readings(engine, [Reading("AB1234")])
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL ROLE hkplates_reader"))
        query = sa.text("SELECT mark FROM search_marks('AB1234')")
        assert connection.execute(query).scalars().all() == ["AB1234"]
    query = sa.text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
                    "AND (obj_description(oid) IS NULL OR prosecdef "
                    "OR provolatile = 'v')")  # fmt: skip
    with engine.connect() as connection:
        assert connection.execute(query).scalars().all() == []


def test_canonical_mark_in_sql_is_the_same_as_in_python(engine: sa.Engine) -> None:
    chance = random.Random(3)
    texts = ["".join(chance.choices("abIO01 .-粤é9Z", k=7)) for _ in range(200)]
    with engine.connect() as connection:
        given = connection.execute(
            sa.text("SELECT canonical_mark(one) FROM unnest(CAST(:texts AS text[])) AS one"),
            {"texts": texts},
        ).scalars()
        assert list(given) == [marks.canonical(text) for text in texts]
