"""Tests the backlog and stalls on a real Postgres: a stall is found, and nothing else is one."""

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, execute, keys, submit

from hkplates.database.queries.backlog import read_backlog
from producer.stall import CANNOT_LOAD, NO_WORKER, NOT_SENT, STORE_UNREACHABLE, find_stall

MINUTES = 10


def causes(engine: sa.Engine) -> tuple[str, ...] | None:
    stall = find_stall(read_backlog(engine), MINUTES)
    return None if stall is None else stall.causes


def long_ago(engine: sa.Engine) -> None:
    """Lets everything have happened a quarter of an hour before."""
    execute(
        engine,
        "UPDATE images SET due_at = due_at - interval '15 min', "
        "processed_at = processed_at - interval '15 min'",
    )
    execute(engine, "UPDATE submissions SET opened_at = opened_at - interval '15 min'")


def end(engine: sa.Engine, key: str) -> None:
    execute(
        engine,
        "UPDATE images SET state = 'failed', reason = 'empty', leased_until = NULL, "
        "processed_at = now() WHERE key = :key",
        key=key,
    )


def test_an_empty_ledger_has_no_work(engine: sa.Engine) -> None:
    work = read_backlog(engine)
    assert (work.left, work.queued, work.idle_seconds) == (0, 0, 0)
    assert work.last_ended is None
    assert causes(engine) is None


def test_work_that_was_just_submitted_is_no_stall(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    assert read_backlog(engine).left == 3
    assert causes(engine) is None


def test_work_that_waits_long_is_a_stall(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    long_ago(engine)
    assert causes(engine) == (NOT_SENT,)
    ledger.dispatch.take_pending(1, 600)
    assert causes(engine) == (NO_WORKER,)


def test_begun_and_not_ended_is_a_stall_of_its_own(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    ledger.claims.claim(ledger.dispatch.take_pending(1, 600), 600)
    long_ago(engine)
    assert causes(engine) == (CANNOT_LOAD,)


def test_images_that_only_come_back_are_a_stall_however_late_they_are_due(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(3))
    taken = ledger.claims.claim(ledger.dispatch.take_pending(3, 600), 600)
    long_ago(engine)
    ledger.claims.release([image.id for image in taken], delay=True)
    assert causes(engine) == (STORE_UNREACHABLE,)


def test_an_image_that_ended_lately_ends_a_stall(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    long_ago(engine)
    end(engine, "a/00000.jpg")
    work = read_backlog(engine)
    assert causes(engine) is None
    assert work.last_ended is not None
    assert (work.left, work.seconds_since_ended is not None) == (2, True)


@pytest.mark.parametrize("state", ["paused", "cancelled", "finished"])
def test_work_of_a_submission_that_does_not_run_is_no_stall(
    ledger: Ledger, engine: sa.Engine, state: str
) -> None:
    submit(ledger, keys(3))
    long_ago(engine)
    execute(engine, "UPDATE submissions SET state = :state", state=state)
    assert read_backlog(engine).left == 0
    assert causes(engine) is None


def test_what_a_long_listing_finds_late_waits_since_it_was_found(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submission = ledger.intake.open_submission("s3://b/")
    long_ago(engine)
    ledger.intake.add_images(submission.id, "s3", "b", keys(3))
    assert causes(engine) is None
    ledger.dispatch.take_pending(3, 600)
    assert causes(engine) is None


def test_a_newer_submission_does_not_hide_that_an_older_one_waits(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(3))
    long_ago(engine)
    submit(ledger, keys(6), "s3://newer/")
    submit(ledger, [], "s3://empty/")
    assert causes(engine) is None  # the newer one took the images over
    submit(ledger, keys(9)[6:], "s3://newest/")
    long_ago(engine)
    submit(ledger, [], "s3://last/")
    assert causes(engine) == (NOT_SENT,)
