"""Tests pause, resume, cancel and retry in a real Postgres."""

import pytest
import sqlalchemy as sa
from servers.ledgers import (
    BUCKET,
    SOURCE,
    Ledger,
    at_once,
    column,
    execute,
    keys,
    save_done,
    save_failed,
    state_of,
    states,
    submit,
    take,
)

from hkplates.database.ledger import control
from hkplates.database.ledger.control import Change, Retried
from hkplates.database.ledger.listed_images import Added
from hkplates.database.queries import submissions
from hkplates.database.schema.failure_reasons import MOST_ATTEMPTS


def images(engine: sa.Engine) -> list[object]:
    """Reads all that control could change about images."""
    query = "SELECT row(id, state, attempts, returns, due_at, leased_until, reason)::text "
    return column(engine, query + "FROM images ORDER BY id")


def test_a_paused_submission_sends_nothing_more(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(4))
    in_hand, in_queue = take(ledger, 1), ledger.dispatch.take_pending(2, 600)
    assert ledger.control.pause(number) == Change(number, SOURCE, "running", "paused")
    assert ledger.dispatch.take_pending(10, 600) == []
    assert ledger.claims.claim(in_queue, 600) == []
    assert states(engine) == {"pending": 3, "queued": 1}
    assert set(column(engine, "SELECT attempts FROM images WHERE state = 'pending'")) == {0}
    save_done(engine, in_hand)
    assert states(engine) == {"pending": 3, "done": 1}


def test_pausing_keeps_the_attempts_that_were_made(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(1))
    for _ in range(MOST_ATTEMPTS):
        sent = ledger.dispatch.take_pending(1, 600)
        ledger.claims.claim(sent, 600)
        execute(engine, "UPDATE images SET leased_until = now() - interval '1 s'")
        ledger.dispatch.expire_leases()
    sent = ledger.dispatch.take_pending(1, 600)
    ledger.control.pause(number)
    assert ledger.claims.claim(sent, 600) == []  # neither worked nor quarantined while it is paused
    assert column(engine, "SELECT attempts FROM images") == [MOST_ATTEMPTS]


def test_pausing_one_submission_keeps_no_other_waiting(ledger: Ledger) -> None:
    first = submit(ledger, keys(2))
    submit(ledger, keys(2, first=5), "s3://other")
    sent = ledger.dispatch.take_pending(10, 600)
    ledger.control.pause(first)
    assert {image.key for image in ledger.claims.claim(sent, 600)} == {"a/00005.jpg", "a/00006.jpg"}


def test_a_resumed_submission_goes_on(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(3))
    ledger.control.pause(number)
    assert ledger.control.resume(number) == Change(number, SOURCE, "paused", "running")
    save_done(engine, take(ledger))
    assert ledger.dispatch.finish_submissions() == [number]


def test_a_submission_that_was_being_listed_is_resumed_as_such(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """It must not end before its source was listed to the end."""
    number = ledger.intake.open_submission(SOURCE).id
    ledger.intake.add_images(number, "s3", "car-park", keys(2))
    ledger.control.pause(number)
    ledger.intake.add_images(number, "s3", "car-park", keys(4))  # a page that was on its way
    assert ledger.control.resume(number) == Change(number, SOURCE, "paused", "listing")
    save_done(engine, take(ledger))
    assert states(engine) == {"done": 4}
    assert ledger.dispatch.finish_submissions() == []


def test_a_listing_that_ends_while_paused_is_whole(ledger: Ledger) -> None:
    number = ledger.intake.open_submission(SOURCE).id
    ledger.intake.add_images(number, "s3", "car-park", keys(2))
    ledger.control.pause(number)
    ledger.intake.listing_finished(number)
    assert ledger.dispatch.take_pending(10, 600) == []
    assert ledger.control.resume(number) == Change(number, SOURCE, "paused", "running")


def test_resuming_what_has_nothing_left_finishes_it(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(1))
    in_hand = take(ledger)
    ledger.control.pause(number)
    save_done(engine, in_hand)
    assert ledger.control.resume(number) == Change(number, SOURCE, "paused", "finished")


def test_submitting_a_paused_source_again_takes_it_over(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(3))
    ledger.control.pause(number)
    again = ledger.intake.open_submission(SOURCE)
    assert (again.id, again.was_paused) == (number, True)
    assert ledger.intake.add_images(number, "s3", "car-park", keys(3)) == Added(known=3)
    assert len(take(ledger)) == 3


def test_a_cancelled_submission_is_not_worked_on(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(5))
    save_done(engine, take(ledger, 1))
    in_hand, in_queue = take(ledger, 1), ledger.dispatch.take_pending(1, 600)
    assert ledger.control.cancel(number) == Change(
        number, SOURCE, "running", "cancelled", cancelled=4
    )
    assert states(engine) == {"done": 1, "cancelled": 4}
    assert ledger.claims.claim(in_queue, 600) == []
    before = images(engine)
    save_done(engine, in_hand)
    save_failed(engine, in_queue)
    ledger.claims.release([image.id for image in in_hand], delay=True)
    ledger.claims.record_failure_cause(in_hand[0].id, "crashed")
    assert images(engine) == before
    assert ledger.dispatch.finish_submissions() == []
    assert state_of(engine, number) == "cancelled"


def test_a_cancelled_submission_takes_no_more_images(ledger: Ledger, engine: sa.Engine) -> None:
    """Its producer may still be listing."""
    number = ledger.intake.open_submission(SOURCE).id
    ledger.intake.add_images(number, "s3", "car-park", keys(2), listed_to="a/00001.jpg")
    ledger.control.cancel(number)
    assert (
        ledger.intake.add_images(number, "s3", "car-park", keys(4), listed_to="a/00003.jpg")
        == Added()
    )
    ledger.intake.listing_finished(number)
    assert states(engine) == {"cancelled": 2}
    assert state_of(engine, number) == "cancelled"


def test_submitting_a_cancelled_source_again_begins_anew(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(3))
    save_done(engine, take(ledger, 1))
    ledger.control.cancel(number)
    again = ledger.intake.open_submission(SOURCE)
    assert (again.id != number, again.resumed) == (True, False)
    assert ledger.intake.add_images(again.id, "s3", "car-park", keys(3)) == Added(
        retried=2, skipped=1
    )
    assert len(take(ledger)) == 2


def test_cancelling_leaves_what_was_read_before_as_it_was(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """Images that a better model was to read again are done with what the old one read."""
    number = submit(ledger, keys(2))
    save_done(engine, take(ledger, 1))
    execute(engine, "UPDATE images SET state = 'pending' WHERE state = 'done'")
    assert ledger.control.cancel(number) == Change(
        number, SOURCE, "running", "cancelled", cancelled=1, kept=1
    )
    assert states(engine) == {"done": 1, "cancelled": 1}


def test_images_taken_over_meanwhile_are_not_cancelled(ledger: Ledger, engine: sa.Engine) -> None:
    child = submit(ledger, keys(2), SOURCE + "/07")
    submit(ledger, keys(2))
    assert ledger.control.cancel(child) == Change(child, SOURCE + "/07", "running", "cancelled")
    assert states(engine) == {"pending": 2}


def test_every_command_may_be_repeated(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(2))
    for act, before, after in (
        (ledger.control.resume, "running", "running"),
        (ledger.control.pause, "running", "paused"),
        (ledger.control.pause, "paused", "paused"),
        (ledger.control.resume, "paused", "running"),
        (ledger.control.resume, "running", "running"),
    ):
        assert act(number) == Change(number, SOURCE, before, after)
    assert ledger.control.cancel(number) == Change(
        number, SOURCE, "running", "cancelled", cancelled=2
    )
    for act in (ledger.control.cancel, ledger.control.pause, ledger.control.resume):
        assert act(number) == Change(number, SOURCE, "cancelled", "cancelled")
    assert states(engine) == {"cancelled": 2}


def test_a_finished_submission_is_neither_paused_nor_cancelled(ledger: Ledger) -> None:
    number = submit(ledger, [])
    ledger.dispatch.finish_submissions()
    for act in (ledger.control.pause, ledger.control.resume, ledger.control.cancel):
        assert act(number) == Change(number, SOURCE, "finished", "finished")


def test_a_paused_submission_can_be_cancelled(ledger: Ledger) -> None:
    number = submit(ledger, keys(1))
    ledger.control.pause(number)
    assert ledger.control.cancel(number) == Change(
        number, SOURCE, "paused", "cancelled", cancelled=1
    )


def test_a_cancel_that_was_broken_off_is_done_by_the_next(
    ledger: Ledger, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "BATCH", 2)  # so that it also takes several
    number = submit(ledger, keys(5))
    execute(engine, "UPDATE submissions SET state = 'cancelled'")
    assert ledger.control.cancel(number) == Change(
        number, SOURCE, "cancelled", "cancelled", cancelled=5
    )


def test_there_is_nothing_to_steer_where_no_submission_is(ledger: Ledger) -> None:
    assert [ledger.control.pause(9), ledger.control.resume(9), ledger.control.cancel(9)] == [
        None,
        None,
        None,
    ]
    assert ledger.control.retry(9) == []


def failed_in_three_ways(ledger: Ledger, engine: sa.Engine, source: str, first: int = 0) -> int:
    """A finished submission: two images missing, one empty, one crashed, one done."""
    number = submit(ledger, keys(5, first), source)
    taken = take(ledger)
    save_failed(engine, taken[:2], "missing")
    save_failed(engine, taken[2:3], "empty")
    save_done(engine, taken[4:])
    execute(engine, "UPDATE images SET attempts = 3 WHERE id = :id", id=taken[3].id)
    ledger.claims.record_failure_cause(taken[3].id, "timed_out")
    ledger.claims.claim(taken, 600)
    ledger.dispatch.finish_submissions()
    return number


def test_images_that_failed_or_were_set_aside_are_tried_again(
    ledger: Ledger, engine: sa.Engine
) -> None:
    number = failed_in_three_ways(ledger, engine, SOURCE)
    execute(engine, "UPDATE images SET returns = 4 WHERE state <> 'done'")
    reasons = {"missing": 2, "empty": 1, "timed_out": 1}
    assert ledger.control.retry() == [Retried(number, SOURCE, "running", reasons)]
    assert states(engine) == {"done": 1, "pending": 4}
    query = "SELECT DISTINCT row(attempts, returns, due_at <= now(), reason, detail, trouble)::text"
    assert column(engine, query + " FROM images WHERE state = 'pending'") == ["(0,0,t,,,)"]
    [row] = submissions.latest_submissions(engine)
    assert (row.state, row.finished_at) == ("running", None)
    assert column(engine, "SELECT opened_at > created_at FROM submissions") == [True]
    save_done(engine, take(ledger))
    assert ledger.dispatch.finish_submissions() == [number]
    assert states(engine) == {"done": 5}


def test_only_what_was_named_is_tried_again(ledger: Ledger, engine: sa.Engine) -> None:
    first = failed_in_three_ways(ledger, engine, SOURCE)
    second = failed_in_three_ways(ledger, engine, "s3://other", first=100)
    assert ledger.control.retry(second, "missing") == [
        Retried(second, "s3://other", "running", {"missing": 2})
    ]
    assert (state_of(engine, first), submissions.count_images(engine, first).rejected) == (
        "finished",
        4,
    )
    assert submissions.failure_reasons(engine, second) == {"empty": 1, "timed_out": 1}
    assert ledger.control.retry(None, "empty") == [
        Retried(first, SOURCE, "running", {"empty": 1}),
        Retried(second, "s3://other", "running", {"empty": 1}),
    ]


def test_trying_again_twice_changes_nothing_more(ledger: Ledger, engine: sa.Engine) -> None:
    failed_in_three_ways(ledger, engine, SOURCE)
    ledger.control.retry()
    before = images(engine)
    assert ledger.control.retry() == []
    assert images(engine) == before


def test_trying_nothing_again_opens_no_submission(ledger: Ledger, engine: sa.Engine) -> None:
    number = failed_in_three_ways(ledger, engine, SOURCE)
    assert ledger.control.retry(number, "archived") == [Retried(number, SOURCE, "finished")]
    assert state_of(engine, number) == "finished"


def test_images_of_a_paused_submission_wait_until_it_is_resumed(
    ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(2))
    save_failed(engine, take(ledger, 1))
    ledger.control.pause(number)
    assert ledger.control.retry(number) == [Retried(number, SOURCE, "paused", {"missing": 1})]
    assert ledger.dispatch.take_pending(5, 600) == []
    ledger.control.resume(number)
    assert len(ledger.dispatch.take_pending(5, 600)) == 2


def test_images_of_a_cancelled_submission_are_left_to_submit(
    ledger: Ledger, engine: sa.Engine
) -> None:
    number = submit(ledger, keys(2))
    save_failed(engine, take(ledger, 1))
    ledger.control.cancel(number)
    assert ledger.control.retry(number) == [Retried(number, SOURCE, "cancelled")]
    assert states(engine) == {"failed": 1, "cancelled": 1}


def test_what_fails_again_meanwhile_is_not_tried_for_ever(
    ledger: Ledger, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is as quick as the one who tries again."""
    number = submit(ledger, keys(6))
    save_failed(engine, take(ledger))
    again = control._retry_batch
    batches: list[int] = []

    def retry_and_fail(connection: sa.Connection, submission_id: int, ids: list[int]) -> object:
        batches.append(len(ids))
        if len(batches) > 1:
            save_failed(engine, take(ledger))
        return again(connection, submission_id, ids)

    monkeypatch.setattr(control, "BATCH", 2)
    monkeypatch.setattr(control, "_retry_batch", retry_and_fail)
    assert ledger.control.retry(number)[0].images == 6
    assert batches == [2, 2, 2]


def test_an_image_shows_what_was_read_before_while_it_is_tried_again(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(2))
    save_done(engine, take(ledger))
    execute(engine, "UPDATE images SET state = 'quarantined', reason = 'crashed' WHERE id = 1")
    query = "SELECT row(model_version_id, processed_at, milliseconds)::text FROM images WHERE id=1"
    before = column(engine, query)
    ledger.control.retry()
    assert column(engine, query) == before


def test_cancelling_while_workers_work_leaves_every_image_in_one_state(
    ledger: Ledger, engine: sa.Engine
) -> None:
    for round_ in range(12):
        number = submit(ledger, keys(40, first=1000 * round_), f"s3://b/{round_}")

        def labour() -> None:
            while taken := take(ledger, 8):
                save_done(engine, taken[::2])
                ledger.claims.release([image.id for image in taken[1::2]])

        at_once(labour, lambda number=number: ledger.control.cancel(number), labour)
        counts = submissions.count_images(engine, number)
        assert (counts.left, counts.done + counts.cancelled) == (0, 40)


def test_nothing_ends_a_submission_that_is_being_tried_again(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """Whoever ends submissions may look in the middle of retry."""
    number = submit(ledger, keys(20))
    for _ in range(30):
        save_failed(engine, take(ledger))
        at_once(
            lambda: ledger.control.retry(number),
            ledger.dispatch.finish_submissions,
            ledger.dispatch.finish_submissions,
        )
        assert submissions.count_images(engine, number).pending == 20
        assert state_of(engine, number) == "running"


def test_steering_and_producing_at_once_never_wait_in_a_circle(
    ledger: Ledger, engine: sa.Engine
) -> None:
    first, second = submit(ledger, keys(100)), submit(ledger, keys(100, first=500), "s3://other")

    def repeat(*acts: object) -> None:
        for _ in range(8):
            for act in acts:
                act()  # type: ignore[operator]

    at_once(
        lambda: repeat(lambda: ledger.control.pause(first), lambda: ledger.control.resume(first)),
        lambda: repeat(ledger.control.retry, ledger.dispatch.finish_submissions),
        lambda: repeat(lambda: save_failed(engine, take(ledger, 30))),
        lambda: repeat(lambda: ledger.intake.add_images(second, "s3", "car-park", keys(50))),
        lambda: repeat(lambda: ledger.intake.add_images(first, "s3", "car-park", keys(50)[::-1])),
    )
    # Nothing was raised: Postgres ends whoever waits in a circle.
    assert sum(states(engine).values()) == 200


MANY = 12_000


def plant_many(engine: sa.Engine, number: int, state: str, reason: str | None) -> None:
    """Plants images of one submission, with the statistics that Postgres has after a while."""
    execute(
        engine,
        "INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, state, reason) "
        "SELECT :number, 's3', 'b', 'k' || i, 'e', 1, sha256(i::text::bytea), :state, :reason "
        "FROM generate_series(1, CAST(:many AS int)) AS i",
        many=MANY,
        number=number,
        state=state,
        reason=reason,
    )
    execute(engine, "ANALYZE images")


def rows_read(engine: sa.Engine) -> int:
    """Counts rows of images that all sessions read, which report it when they end."""
    engine.dispose()
    query = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'images'"
    return int(str(column(engine, query)[0]))


def test_cancelling_many_images_does_not_read_past_them_again_and_again(
    ledger: Ledger, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "BATCH", 50)
    number = ledger.intake.open_submission(SOURCE).id
    plant_many(engine, number, "pending", None)
    before = rows_read(engine)
    change = ledger.control.cancel(number)
    assert change is not None
    assert change.cancelled == MANY
    assert rows_read(engine) - before < 10 * MANY


def test_trying_many_images_again_does_not_read_past_them_again_and_again(
    ledger: Ledger, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "BATCH", 50)
    number = ledger.intake.open_submission(SOURCE).id
    plant_many(engine, number, "failed", "forbidden")
    before = rows_read(engine)
    assert ledger.control.retry(number)[0].images == MANY
    assert rows_read(engine) - before < 10 * MANY


def test_what_was_set_aside_in_a_cancelled_submission_is_tried_by_submitting_again(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """`retry` leaves a cancelled submission alone, and says to submit its source again."""
    number = submit(ledger, keys(3))
    execute(engine, "UPDATE images SET state = 'quarantined', reason = 'crashed' WHERE id = 1")
    assert ledger.intake.add_images(number, "s3", BUCKET, keys(1)) == Added(known=1)
    ledger.control.cancel(number)
    assert ledger.control.retry(number) == [Retried(number, SOURCE, "cancelled")]
    again = ledger.intake.open_submission(SOURCE).id
    assert ledger.intake.add_images(again, "s3", BUCKET, keys(3)) == Added(retried=3)
    assert states(engine) == {"pending": 3}
    assert column(engine, "SELECT attempts FROM images WHERE id = 1") == [0]
