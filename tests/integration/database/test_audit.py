"""Tests the audit in a real Postgres."""

import psycopg
import pytest
import sqlalchemy as sa
from support.seeded_readings import Reading, seed_readings

from hkplates.database import audit
from hkplates.database.audit import entries
from hkplates.database.reviews.reviews import record

WRITER, READER = "hkplates_writer", "hkplates_reader"


def test_entries_come_newest_first_page_by_page(engine: sa.Engine) -> None:
    for n in range(5):
        audit.record(engine, actor="ada", action="search", subject={"pattern": f"AB{n}"})
    first = entries(engine, limit=2)
    assert [one.subject["pattern"] for one in first] == ["AB4", "AB3"]
    rest = entries(engine, before=first[-1].id)
    assert [one.subject["pattern"] for one in rest] == ["AB2", "AB1", "AB0"]


def test_an_entry_says_who_what_why_and_from_where(engine: sa.Engine) -> None:
    subject = {"plate": 7, "text": "AB\0 12", "more": [{"a\udc80": None}], "since": None}
    audit.record(
        engine, actor="ada", action="review", subject=subject, purpose="case 12", address="10.0.0.1"
    )
    [entry] = entries(engine)
    assert (entry.actor, entry.action) == ("ada", "review")
    assert (entry.purpose, entry.address) == ("case 12", "10.0.0.1")
    assert entry.subject == {"plate": 7, "text": "AB� 12", "more": [{"a�": None}], "since": None}


@pytest.fixture
def rows(engine: sa.Engine) -> sa.Engine:
    [plate] = seed_readings(engine, [Reading("AB1234")])
    record(engine, plate, "accepted", reviewer="ada")
    audit.record(engine, actor="ada", action="review", subject={})
    return engine


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (READER, "SELECT verdict FROM reviews"),
        (WRITER, "SELECT verdict FROM reviews"),
        (WRITER, "SELECT action FROM audit"),
        (WRITER, "UPDATE reviews SET current = false"),
        (WRITER, "INSERT INTO audit (actor, action) VALUES ('ada', 'login')"),
        (WRITER, "INSERT INTO reviews (plate_id, verdict, reviewer, current) "
                 "VALUES (1, 'not_a_plate', 'ada', false)"),
    ],
)  # fmt: skip
def test_a_role_may(rows: sa.Engine, role: str, statement: str) -> None:
    with rows.begin() as connection:
        connection.execute(sa.text(f"SET LOCAL ROLE {role}"))
        assert connection.execute(sa.text(statement)).rowcount == 1


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (READER, "SELECT FROM audit"),
        (READER, "INSERT INTO audit (actor, action) VALUES ('ada', 'login')"),
        (READER, "UPDATE reviews SET current = false"),
        (WRITER, "UPDATE reviews SET reviewer = 'bo'"),
        (WRITER, "UPDATE reviews SET verdict = 'accepted'"),
        (WRITER, "DELETE FROM reviews"),
        (WRITER, "TRUNCATE reviews"),
        (WRITER, "UPDATE audit SET actor = 'bo'"),
        (WRITER, "DELETE FROM audit"),
    ],
)
def test_a_role_may_not(rows: sa.Engine, role: str, statement: str) -> None:
    with rows.begin() as connection:
        connection.execute(sa.text(f"SET LOCAL ROLE {role}"))
        with pytest.raises(sa.exc.ProgrammingError) as caught:
            connection.execute(sa.text(statement))
    assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)


def test_people_review_with_the_right_of_the_writer(rows: sa.Engine) -> None:
    with rows.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    engine = sa.create_engine(rows.url.update_query_dict({"options": f"-crole={WRITER}"}))
    review = record(engine, 1, "corrected", text="AB1235", reviewer="bo")
    audit.record(engine, actor="bo", action="review", subject={"plate": 1})
    assert review.current
    assert len(entries(engine)) == 2
    engine.dispose()
