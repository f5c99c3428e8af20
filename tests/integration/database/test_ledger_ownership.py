"""Tests which submission owns an image, and which content of a key counts, in a real Postgres."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger

from hkplates.database.ledger.dispatch import EXPIRE_LEASES, TAKE_PENDING
from hkplates.database.ledger.listed_images import INSERT_IMAGES, LOCK_LISTED, Added
from hkplates.database.queries import submissions
from hkplates.database.results.save import ImageDone, Results
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.recognition.types import PlateReading, Quad
from hkplates.storage.base import Entry

PARENT, CHILD = "s3://b/2026", "s3://b/2026/07"
QUAD = Quad((10, 20), (110, 22), (109, 62), (9, 60))
PLATE = PlateReading(
    "AB1234", "AB 1234", "HK", "usual", 1, "white", 0.9, (0.9,) * 6, (), QUAD, 0.9, "r"
)


def keys(count: int, etag: str = "e1") -> list[Entry]:
    return [Entry(f"2026/07/{number:05}.jpg", etag, 10) for number in range(count)]


def add(ledger: Ledger, source: str, entries: list[Entry], name: str | None = None) -> Added:
    submission = ledger.intake.open_submission(source, name)
    added = ledger.intake.add_images(submission.id, "s3", "b", entries)
    ledger.intake.listing_finished(submission.id)
    return added


def execute(engine: sa.Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement), values)


def column(engine: sa.Engine, query: str) -> list[object]:
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


def work(engine: sa.Engine, ledger: Ledger) -> int:
    """Reads a plate on every image that waits; returns how many there were."""
    results = Results(engine)
    version = results.register_model(ModelVersion("d", "r", {}))
    images = ledger.claims.claim(ledger.dispatch.take_pending(1000, 60), 60)
    results.save(version, [ImageDone(image, 9, 9, None, 1, (PLATE,)) for image in images])
    return len(images)


def list_three_times(ledger: Ledger, source: str, listing: list[Entry]) -> int:
    """Lists three times; returns how many of the images were new."""
    submission = ledger.intake.open_submission(source)
    new = 0
    for start in [*range(0, 400, 50)] * 3:
        new += ledger.intake.add_images(submission.id, "s3", "b", listing[start : start + 50]).new
    ledger.intake.listing_finished(submission.id)
    return new


def labour(
    engine: sa.Engine, ledger: Ledger, ready: threading.Barrier, listed: threading.Event
) -> None:
    """Takes, claims and saves until nothing is left, releasing every fourth image once."""
    results = Results(engine)
    version = results.register_model(ModelVersion("d", "r", {}))
    returned: set[int] = set()
    images: list[ImageRef] = []
    ready.wait()
    while (
        images
        or not listed.is_set()
        or sum(submissions.count_images(engine, one).left for one in (1, 2))
    ):
        images = ledger.claims.claim(ledger.dispatch.take_pending(40, 60), 60)
        back = {image.id for image in images if image.id % 4 == 0} - returned
        returned.update(back)
        ledger.claims.release(back)
        done = [image for image in images if image.id not in back]
        results.save(version, [ImageDone(image, 9, 9, None, 1, ()) for image in done])
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((PARENT, None), (PARENT + "/", None), id="with a slash"),
        pytest.param((PARENT, None), (PARENT, "july"), id="with a name"),
        pytest.param((CHILD, None), (PARENT, None), id="a parent prefix"),
    ],
)
def test_what_waits_under_another_submission_is_taken_over_and_sent(
    ledger: Ledger,
    engine: sa.Engine,
    first: tuple[str, str | None],
    second: tuple[str, str | None],
) -> None:
    add(ledger, first[0], keys(6), first[1])
    ledger.dispatch.take_pending(2, 600)
    execute(engine, "UPDATE submissions SET state = 'paused'")  # nobody sends it on
    assert add(ledger, second[0], keys(6), second[1]) == Added(taken_over=6)
    counts = submissions.count_images(engine, 2)
    assert (counts.pending, counts.queued) == (4, 2)
    assert len(ledger.dispatch.take_pending(10, 60)) == 4


def test_leases_and_attempts_are_taken_over_as_they_are(ledger: Ledger, engine: sa.Engine) -> None:
    add(ledger, CHILD, keys(2))
    [claimed] = ledger.claims.claim(ledger.dispatch.take_pending(1, 600), 600)
    query = "SELECT row(state, attempts, leased_until)::text FROM images ORDER BY id"
    before = column(engine, query)
    add(ledger, PARENT, keys(2))
    assert column(engine, query) == before
    results = Results(engine)
    version = results.register_model(ModelVersion("d", "r", {}))
    results.save(version, [ImageDone(claimed, 9, 9, None, 1, ())])
    assert submissions.count_images(engine, 2) == submissions.Counts(pending=1, done=1)


def test_a_submission_whose_images_were_taken_over_ends(ledger: Ledger, engine: sa.Engine) -> None:
    add(ledger, CHILD, keys(3))
    add(ledger, PARENT, keys(3))
    assert ledger.dispatch.finish_submissions() == [1]
    assert submissions.count_images(engine, 1).total == 0


def test_what_another_submission_ended_is_skipped(ledger: Ledger, engine: sa.Engine) -> None:
    add(ledger, CHILD, keys(3))
    work(engine, ledger)
    assert add(ledger, PARENT, keys(3)) == Added(skipped=3)
    assert submissions.count_images(engine, 1).done == 3


def test_two_producers_and_a_worker_at_once_end_every_image_once(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """Each takes images from the other while they are taken, claimed, saved and handed back."""
    ready, listed = threading.Barrier(3), threading.Event()

    def produce(source: str, listing: list[Entry]) -> int:
        ready.wait()
        return list_three_times(ledger, source, listing)

    with ThreadPoolExecutor(3) as pool:
        worker = pool.submit(labour, engine, ledger, ready, listed)
        producers = [
            pool.submit(produce, CHILD, keys(400)),
            pool.submit(produce, PARENT, keys(400)[::-1]),
        ]
        try:
            new = [producer.result() for producer in producers]
        finally:
            listed.set()
        worker.result()
    assert sum(new) == 400
    assert column(engine, "SELECT DISTINCT state FROM images") == ["done"]
    assert sorted(ledger.dispatch.finish_submissions()) == [1, 2]


def test_a_replaced_photograph_counts_once(ledger: Ledger, engine: sa.Engine) -> None:
    add(ledger, PARENT, keys(2, "old"))
    assert work(engine, ledger) == 2
    assert add(ledger, PARENT, [*keys(1, "new"), *keys(2, "old")[1:]]) == Added(new=1, known=1)
    work(engine, ledger)
    query = "SELECT key || ' ' || etag || ' ' || superseded FROM images ORDER BY id"
    assert column(engine, query) == [
        "2026/07/00000.jpg old true",
        "2026/07/00001.jpg old false",
        "2026/07/00000.jpg new false",
    ]
    assert column(engine, "SELECT image_id FROM sightings ORDER BY 1") == [2, 3]


def test_a_content_that_comes_back_counts_again(ledger: Ledger, engine: sa.Engine) -> None:
    for etag in ("old", "new", "old"):
        add(ledger, PARENT, keys(1, etag))
        work(engine, ledger)
    assert column(engine, "SELECT image_id FROM sightings") == [1]
    assert column(engine, "SELECT superseded FROM images ORDER BY id") == [False, True]


def test_the_same_key_in_another_place_is_not_superseded(ledger: Ledger, engine: sa.Engine) -> None:
    submission = ledger.intake.open_submission(PARENT)
    ledger.intake.add_images(submission.id, "s3", "b", keys(1, "e1"))
    ledger.intake.add_images(submission.id, "s3", "other", keys(1, "e2"))
    ledger.intake.add_images(submission.id, "folder", "b", keys(1, "e3"))
    assert set(column(engine, "SELECT superseded FROM images")) == {False}


def test_keys_of_any_length_can_be_superseded(ledger: Ledger, engine: sa.Engine) -> None:
    for etag in ("old", "new"):
        add(ledger, PARENT, [Entry("車" * 4096, etag, 1)])
    assert column(engine, "SELECT superseded FROM images ORDER BY id") == [True, False]


def test_a_batch_among_many_rows_is_found_by_indexes(ledger: Ledger, engine: sa.Engine) -> None:
    _fill(ledger, engine, 30_000)
    replaced = [Entry(f"old/{number}.jpg", "new", 1) for number in range(1000)]
    values = {
        "submission_id": 1,
        "store": "s3",
        "bucket": "b",
        # As many of these rows as a full batch is of 300,000.
        "keys": [entry.key for entry in replaced[:100]],
        "digests": [bytes(32)] * 100,
    }
    values |= {"etags": ["new"] * 100, "sizes": [1] * 100}
    lock = sa.text("EXPLAIN " + str(LOCK_LISTED))
    insert = sa.text("EXPLAIN " + str(INSERT_IMAGES))
    with engine.connect() as connection:
        plan = "\n".join(connection.execute(lock, values).scalars())
        inserting = "\n".join(connection.execute(insert, values).scalars())
    assert "ix_images_key" in plan
    assert "uq_images_digest" in inserting
    assert "Seq Scan on images" not in plan + inserting
    began = time.monotonic()
    ledger.intake.add_images(1, "s3", "b", replaced)
    assert time.monotonic() - began < 2  # some 50 ms on an idle machine
    assert column(engine, "SELECT count(*) FROM images WHERE superseded") == [1000]


def test_taking_work_and_expiring_leases_read_no_image_that_is_done(
    ledger: Ledger, engine: sa.Engine
) -> None:
    """The real statements, on a ledger most of which is done."""
    _fill(ledger, engine, 20_000)
    add(ledger, CHILD, keys(500))
    ledger.dispatch.take_pending(100, 60)
    execute(engine, "ANALYZE images")
    take = sa.text("EXPLAIN " + str(TAKE_PENDING))
    expire = sa.text("EXPLAIN " + str(EXPIRE_LEASES))
    with engine.connect() as connection:
        values = {"submission_id": 2, "limit": 24, "seconds": 60}
        taking = "\n".join(connection.execute(take, values).scalars())
        expiring = "\n".join(connection.execute(expire).scalars())
    assert "ix_images_pending" in taking
    assert "ix_images_queued" in expiring
    assert "Seq Scan on images" not in taking + expiring


def test_a_paused_submission_goes_on_only_with_a_word(ledger: Ledger, engine: sa.Engine) -> None:
    assert not ledger.intake.open_submission(PARENT).was_paused
    execute(engine, "UPDATE submissions SET state = 'paused'")
    resumed = ledger.intake.open_submission(PARENT)
    assert (resumed.resumed, resumed.was_paused) == (True, True)
    assert not ledger.intake.open_submission(PARENT).was_paused


def _fill(ledger: Ledger, engine: sa.Engine, count: int) -> None:
    """Plants images of submission 1 that were done, and statistics that know them."""
    ledger.intake.open_submission("s3://b/old")
    Results(engine).register_model(ModelVersion("d", "r", {}))
    execute(
        engine,
        "INSERT INTO images (submission_id, store, bucket, key, etag, size, digest, state, "
        "model_version_id) SELECT 1, 's3', 'b', 'old/' || n || '.jpg', 'e1', 1, "
        "sha256(int8send(n)), 'done', 1 FROM generate_series(0, CAST(:last AS bigint)) AS n",
        last=count - 1,
    )
    execute(engine, "ANALYZE images")
