"""Tests the states of images in a real Postgres, also with producers and workers at once."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from servers.ledgers import SOURCE, Ledger, column, execute, keys, states, submit

from hkplates.database.ledger.listed_images import Added
from hkplates.database.schema.failure_reasons import MOST_ATTEMPTS
from hkplates.jobs import ImageRef
from hkplates.storage.base import Entry


def let_leases_expire(engine: sa.Engine) -> None:
    execute(
        engine, "UPDATE images SET leased_until = now() - interval '1 s' WHERE state = 'queued'"
    )


def in_parallel(work: Callable[[int], object], threads: int) -> None:
    """Runs work(0), work(1) ... at the same moment, and raises what any of them raises."""
    ready = threading.Barrier(threads)

    def start(number: int) -> None:
        ready.wait()
        work(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(start, range(threads)))


def test_listed_images_are_pending_once(ledger: Ledger, engine: sa.Engine) -> None:
    submission = ledger.intake.open_submission(SOURCE)
    assert ledger.intake.add_images(submission.id, "s3", "b", keys(5)) == Added(new=5)
    assert ledger.intake.add_images(submission.id, "s3", "b", keys(7)) == Added(new=2, known=5)
    assert states(engine) == {"pending": 7}


def test_a_batch_may_name_an_image_twice(ledger: Ledger, engine: sa.Engine) -> None:
    submission = ledger.intake.open_submission(SOURCE)
    assert ledger.intake.add_images(submission.id, "s3", "b", keys(2) + keys(2)) == Added(new=2)


def test_an_empty_batch_adds_nothing(ledger: Ledger) -> None:
    assert (
        ledger.intake.add_images(ledger.intake.open_submission(SOURCE).id, "s3", "b", []) == Added()
    )


def test_an_unfinished_submission_of_the_same_source_is_continued(ledger: Ledger) -> None:
    first = ledger.intake.open_submission(SOURCE)
    again = ledger.intake.open_submission(SOURCE)
    other = ledger.intake.open_submission(SOURCE + "/07")
    assert (again.id, again.resumed, first.resumed) == (first.id, True, False)
    assert (other.id != first.id, other.resumed) == (True, False)


def test_a_submission_of_another_name_is_another_submission(ledger: Ledger) -> None:
    july = ledger.intake.open_submission(SOURCE, "july")
    assert ledger.intake.open_submission(SOURCE, "august").id != july.id
    assert ledger.intake.open_submission(SOURCE, "july").id == july.id


def test_two_producers_that_begin_at_once_share_one_submission(ledger: Ledger) -> None:
    found: list[int] = []
    in_parallel(lambda _: found.append(ledger.intake.open_submission(SOURCE).id), 4)
    assert len(set(found)) == 1


def test_a_finished_submission_is_not_continued(ledger: Ledger) -> None:
    first = submit(ledger, [])
    assert ledger.dispatch.finish_submissions() == [first]
    assert ledger.intake.open_submission(SOURCE).id != first


def test_submitting_again_sends_only_new_changed_and_failed_images(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(4))
    version = (
        "INSERT INTO model_versions (detector, reader, config, digest) "
        "VALUES ('d', 'r', '{}', sha256('v'))"
    )
    execute(engine, version)
    execute(
        engine, "UPDATE images SET state = 'done', model_version_id = 1 WHERE key = 'a/00000.jpg'"
    )
    execute(
        engine,
        "UPDATE images SET state = 'failed', reason = 'missing', detail = 'gone', attempts = 2 "
        "WHERE key = 'a/00001.jpg'",
    )
    execute(
        engine,
        "UPDATE images SET state = 'quarantined', reason = 'crashed' WHERE key = 'a/00002.jpg'",
    )
    execute(engine, "UPDATE submissions SET state = 'finished'")

    again = ledger.intake.open_submission(SOURCE)
    changed = [Entry("a/00000.jpg", "e2", 10)]
    assert ledger.intake.add_images(again.id, "s3", "car-park", keys(5)[1:] + changed) == Added(
        new=2, retried=1, taken_over=1, skipped=1
    )
    query = "SELECT key || ' ' || etag FROM images WHERE submission_id > 1 ORDER BY 1"
    assert column(engine, query) == [
        "a/00000.jpg e2",
        "a/00001.jpg e1",
        "a/00003.jpg e1",
        "a/00004.jpg e1",
    ]
    retried = "SELECT attempts FROM images WHERE key = 'a/00001.jpg' AND reason IS NULL"
    assert column(engine, retried) == [0]


def test_work_is_taken_and_leased(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    submit(ledger, [Entry("late.jpg", "e1", 10)], "s3://other/x")
    taken = ledger.dispatch.take_pending(2, 60) + ledger.dispatch.take_pending(10, 60)
    assert {ref.key for ref in taken} == {*(f"a/0000{n}.jpg" for n in range(3)), "late.jpg"}
    assert states(engine) == {"queued": 4}
    leases = "SELECT leased_until > now() + interval '50 s' FROM images"
    assert set(column(engine, leases)) == {True}
    assert ledger.dispatch.take_pending(10, 60) == []


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_work_of_a_stopped_submission_is_not_taken(
    ledger: Ledger, engine: sa.Engine, state: str
) -> None:
    submit(ledger, keys(3))
    execute(engine, "UPDATE submissions SET state = :state", state=state)
    assert ledger.dispatch.take_pending(10, 60) == []


def test_producers_at_once_list_and_take_every_image_exactly_once(
    ledger: Ledger, engine: sa.Engine
) -> None:
    taken: Counter[int] = Counter()
    new: list[int] = []
    entries = keys(600)

    def produce(number: int) -> None:
        submission = ledger.intake.open_submission(SOURCE)
        listing = entries if number % 2 else entries[::-1]
        for start in range(0, 600, 100):
            added = ledger.intake.add_images(submission.id, "s3", "b", listing[start : start + 100])
            new.append(added.new)
            taken.update(ref.id for ref in ledger.dispatch.take_pending(60, 60))
        while refs := ledger.dispatch.take_pending(60, 60):
            taken.update(ref.id for ref in refs)

    in_parallel(produce, 4)
    taken.update(ref.id for ref in ledger.dispatch.take_pending(600, 60))
    assert sum(new) == 600
    assert (len(taken), set(taken.values())) == (600, {1})


def test_producers_at_once_retry_a_failed_image_once(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(200))
    execute(engine, "UPDATE images SET state = 'failed', reason = 'missing'")
    retried: list[int] = []

    def again(number: int) -> None:
        submission = ledger.intake.open_submission(f"{SOURCE}#{number}")
        listing = keys(200) if number % 2 else keys(200)[::-1]
        retried.append(ledger.intake.add_images(submission.id, "s3", "car-park", listing).retried)

    in_parallel(again, 4)
    assert sum(retried) == 200


def test_an_expired_lease_is_sent_again(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(2))
    ledger.dispatch.take_pending(2, 60)
    assert ledger.dispatch.expire_leases() == 0
    let_leases_expire(engine)
    assert ledger.dispatch.expire_leases() == 2
    assert len(ledger.dispatch.take_pending(5, 60)) == 2


def test_what_could_not_be_sent_is_pending_again(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(3))
    taken = ledger.dispatch.take_pending(3, 60)
    assert ledger.dispatch.release([ref.id for ref in taken[:2]]) == 2
    assert states(engine) == {"pending": 2, "queued": 1}
    assert ledger.claims.release([ref.id for ref in taken[:2]]) == 0


def test_a_claim_counts_an_attempt_and_prolongs_the_lease(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(2))
    taken = ledger.dispatch.take_pending(2, 5)
    assert ledger.claims.claim(taken[::-1], 600) == taken[::-1]
    query = "SELECT attempts FROM images WHERE leased_until > now() + interval '500 s'"
    assert column(engine, query) == [1, 1]


def test_a_claim_never_shortens_a_lease(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(1))
    ledger.claims.claim(ledger.dispatch.take_pending(1, 600), 5)
    query = "SELECT leased_until > now() + interval '500 s' FROM images"
    assert column(engine, query) == [True]


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"key": "../etc/passwd"}, id="another key"),
        pytest.param({"bucket": "other"}, id="another bucket"),
        pytest.param({"store": "folder"}, id="another store"),
        pytest.param({"etag": "e2"}, id="another content"),
        pytest.param({"id": 999_999}, id="no such row"),
    ],
)
def test_a_forged_reference_is_not_claimed(ledger: Ledger, forged: dict[str, object]) -> None:
    submit(ledger, keys(1))
    [real] = ledger.dispatch.take_pending(1, 60)
    assert ledger.claims.claim([replace(real, **forged)], 60) == []
    assert ledger.claims.claim([real], 60) == [real]


def test_only_queued_images_are_claimed(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(1))
    taken = ledger.dispatch.take_pending(1, 60)
    ledger.claims.release([taken[0].id])
    assert ledger.claims.claim(taken, 60) == []


def test_an_image_that_no_worker_came_back_from_is_quarantined(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(1))
    for _ in range(MOST_ATTEMPTS):
        assert len(ledger.claims.claim(ledger.dispatch.take_pending(1, 60), 60)) == 1
        let_leases_expire(engine)
        ledger.dispatch.expire_leases()
    assert ledger.claims.claim(ledger.dispatch.take_pending(1, 60), 60) == []
    query = "SELECT state || ' ' || reason || ': ' || detail FROM images"
    assert column(engine, query) == [
        "quarantined crashed: No worker finished it in 3 attempts; it was set aside"
    ]


def test_handing_back_after_a_temporary_fault_costs_no_attempt(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(1))
    for _ in range(MOST_ATTEMPTS + 2):
        [image] = ledger.claims.claim(ledger.dispatch.take_pending(1, 60), 60)
        ledger.claims.release([image.id])
    assert column(engine, "SELECT attempts FROM images") == [0]


def test_a_submission_ends_when_all_its_images_have_ended(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submission = submit(ledger, keys(2))
    assert ledger.dispatch.finish_submissions() == []
    ledger.dispatch.take_pending(1, 60)
    execute(engine, "UPDATE images SET state = 'cancelled' WHERE state = 'pending'")
    assert ledger.dispatch.finish_submissions() == []
    execute(engine, "UPDATE images SET state = 'cancelled', leased_until = NULL")
    assert ledger.dispatch.finish_submissions() == [submission]
    assert ledger.dispatch.finish_submissions() == []


def test_a_submission_still_being_listed_does_not_end(ledger: Ledger) -> None:
    ledger.intake.open_submission(SOURCE)
    assert ledger.dispatch.finish_submissions() == []


def test_a_producer_that_still_lists_opens_a_finished_submission_again(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submission = submit(ledger, [])
    ledger.dispatch.finish_submissions()
    ledger.intake.add_images(submission, "s3", "car-park", keys(1))
    assert ledger.dispatch.finish_submissions() == []
    assert len(ledger.dispatch.take_pending(5, 60)) == 1


def test_strange_keys_come_back_as_they_were(ledger: Ledger) -> None:
    strange = ["a b+c%20.jpg", "車牌/ñ.jpg", "line\nbreak\t.jpg", "'; DROP TABLE images;--.jpg"]
    strange += ["k" * 4096, "é" * 4095 + "1", "é" * 4095 + "2"]
    submit(ledger, [Entry(key, "e1", 10) for key in strange])
    taken = ledger.dispatch.take_pending(50, 60)
    assert {ref.key for ref in taken} == set(strange)
    assert len(ledger.claims.claim(taken, 60)) == len(strange)


def test_a_key_that_postgres_cannot_hold_stops_nothing(ledger: Ledger) -> None:
    submit(ledger, [Entry("nul\0.jpg", "e1", 10), Entry("not-utf8-\udcff.jpg", "e1", 10)])
    taken = ledger.dispatch.take_pending(5, 60)
    assert sorted(ref.key for ref in taken) == ["not-utf8-\ufffd.jpg", "nul\ufffd.jpg"]


def test_parts_of_an_image_do_not_run_together(ledger: Ledger, engine: sa.Engine) -> None:
    submission = ledger.intake.open_submission(SOURCE)
    ledger.intake.add_images(submission.id, "folder", "/a", [Entry("b/c.jpg", "e1", 10)])
    ledger.intake.add_images(submission.id, "folder", "/a/b", [Entry("c.jpg", "e1", 10)])
    assert states(engine) == {"pending": 2}


def test_an_image_is_what_its_row_says(ledger: Ledger) -> None:
    submit(ledger, [Entry("x.jpg", "abc", 10)])
    [image] = ledger.dispatch.take_pending(1, 60)
    assert image == ImageRef(image.id, "s3", "car-park", "x.jpg", "abc")
