"""Tests delayed releases and failure causes in a real Postgres."""

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, column, execute, keys, save_done, save_failed, submit, take

from hkplates.database.ledger.claims import MOST_RETURNS
from hkplates.database.schema.failure_reasons import MOST_ATTEMPTS, FailureCause

DUE_IN = "SELECT CAST(extract(epoch FROM due_at - now()) AS float) FROM images"


def release_later(engine: sa.Engine, ledger: Ledger) -> None:
    """Sends, claims and releases with a delay, whether it is due or not."""
    execute(engine, "UPDATE images SET due_at = now() WHERE state = 'pending'")
    assert ledger.claims.release([image.id for image in take(ledger)], delay=True) == 1


def test_what_is_handed_back_for_later_waits_twice_as_long_each_time(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(1))
    seconds: list[object] = []
    for _ in range(7):
        release_later(engine, ledger)
        seconds += column(engine, DUE_IN)
    # A slow machine looks some seconds later.
    assert seconds == [pytest.approx(wanted, abs=6) for wanted in (15, 30, 60, 120, 240, 300, 300)]
    assert column(engine, "SELECT row(attempts, returns)::text FROM images") == ["(0,7)"]


def test_a_service_that_is_away_for_weeks_breaks_nothing(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(1))
    execute(engine, "UPDATE images SET returns = 32766")
    for _ in range(3):
        release_later(engine, ledger)
    assert column(engine, "SELECT due_at < now() + interval '301 s' FROM images") == [True]


def test_what_waits_for_later_keeps_nobody_waiting(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(2))
    away = take(ledger)
    ledger.claims.release([image.id for image in away], delay=True)
    submit(ledger, keys(2, first=5), "s3://other")
    assert {image.id for image in ledger.dispatch.take_pending(10, 600)} == {3, 4}
    assert ledger.dispatch.take_pending(10, 600) == []
    execute(engine, "UPDATE images SET due_at = now() WHERE state = 'pending'")
    assert ledger.dispatch.take_pending(1, 600)[0] in away


def test_those_due_for_longest_are_sent_first(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    execute(engine, "UPDATE images SET due_at = now() - interval '1 h' WHERE id = 3")
    assert [image.id for image in ledger.dispatch.take_pending(2, 600)] == [3, 1]


def test_what_is_handed_back_without_a_delay_is_due_at_once(ledger: Ledger) -> None:
    submit(ledger, keys(1))
    taken = take(ledger)
    ledger.claims.release([taken[0].id])
    assert take(ledger) == taken


@pytest.mark.parametrize(
    ("trouble", "reason", "words"),
    [
        (None, "crashed", "No worker finished it in 3 attempts; it was set aside"),
        ("crashed", "crashed", "No worker finished it in 3 attempts; it was set aside"),
        ("timed_out", "timed_out", "it ran into the time limit"),
        ("out_of_memory", "out_of_memory", "it ran into the memory limit"),
    ],
)
def test_what_broke_the_attempts_off_is_the_reason(
    ledger: Ledger, engine: sa.Engine, trouble: FailureCause | None, reason: str, words: str
) -> None:
    submit(ledger, keys(1))
    [image] = ledger.dispatch.take_pending(1, 600)
    for _ in range(MOST_ATTEMPTS):
        assert ledger.claims.claim([image], 600) == [image]
        for _ in range(2 if trouble else 0):  # told twice, it is the same
            ledger.claims.record_failure_cause(image.id, trouble or "crashed")
    assert ledger.claims.claim([image], 600) == []
    [row] = column(engine, "SELECT state || ' ' || reason || ': ' || detail FROM images")
    assert str(row).startswith(f"quarantined {reason}: ")
    assert words in str(row)


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_limit_that_was_run_into_is_the_reason_whatever_ended_the_other_attempts(
    ledger: Ledger, engine: sa.Engine, limit: int
) -> None:
    """As where somebody kills the process of an image that hangs."""
    submit(ledger, keys(1))
    [image] = ledger.dispatch.take_pending(1, 600)
    for number in range(MOST_ATTEMPTS):
        ledger.claims.claim([image], 600)
        ledger.claims.record_failure_cause(image.id, "timed_out" if number == limit else "crashed")
    ledger.claims.claim([image], 600)
    assert column(engine, "SELECT reason FROM images") == ["timed_out"]


def test_an_image_that_has_ended_is_not_blamed(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(2))
    taken = take(ledger, 1)
    save_failed(engine, taken)
    for number in (1, 2, 99):
        ledger.claims.record_failure_cause(number, "crashed")
    assert column(engine, "SELECT trouble FROM images") == [None, None]


def often_returned(engine: sa.Engine, *numbers: int) -> None:
    statement = "UPDATE images SET returns = :most WHERE id = ANY(:ids)"
    execute(engine, statement, most=MOST_RETURNS, ids=list(numbers))


def test_for_what_came_back_often_there_is_another_that_was_served(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(4))
    one, two, three, four = take(ledger)
    save_done(engine, [one])
    save_failed(engine, [two], "truncated")  # its bytes were served, and the last
    often_returned(engine, three.id)
    assert ledger.claims.canaries([one.id, three.id, four.id, 99]) == {three.id: two}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("state = 'pending', leased_until = NULL", id="it waits"),
        pytest.param("state = 'failed', reason = 'missing'", id="it was not served"),
        pytest.param("state = 'failed', reason = 'unavailable'", id="it was never served"),
        pytest.param("superseded = true", id="it was replaced"),
        pytest.param("bucket = 'elsewhere'", id="it is of another bucket"),
        pytest.param("store = 'folder'", id="it is of another store"),
        pytest.param("processed_at = NULL", id="nobody knows when"),
    ],
)
def test_what_tells_nothing_of_a_store_is_no_witness(
    ledger: Ledger, engine: sa.Engine, change: str
) -> None:
    submit(ledger, keys(2))
    one, two = take(ledger)
    save_done(engine, [one])
    often_returned(engine, two.id)
    assert ledger.claims.canaries([two.id]) == {two.id: one}
    execute(engine, f"UPDATE images SET {change} WHERE id = :id", id=one.id)  # noqa: S608
    assert ledger.claims.canaries([two.id]) == {}


def test_what_failed_as_unavailable_is_tried_again_as_if_it_had_never_come_back(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(1))
    [image] = take(ledger)
    often_returned(engine, image.id)
    save_failed(engine, [image], "unavailable")
    [retried] = ledger.control.retry(reason="unavailable")
    assert retried.reasons == {"unavailable": 1}
    assert column(engine, "SELECT state || returns::text FROM images") == ["pending0"]
