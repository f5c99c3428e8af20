"""Tests dispatch in a real Postgres: fair shares, backing off, and lost images."""

from collections import Counter

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, execute, keys, submit

from hkplates.database.ledger.dispatch import DISPATCHABLE
from hkplates.database.results.save import ImageFailed, Results
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.storage.base import Entry

AWAY, WELL = "s3://away/", "s3://well/"


def other(count: int) -> list[Entry]:
    return [Entry(f"other/{number}.jpg", "e1", 10) for number in range(count)]


def parts(chunks: list[tuple[ImageRef, ...]]) -> Counter[str]:
    """Counts the images of each submission; fails where a chunk mixes them."""
    found: Counter[str] = Counter()
    for chunk in chunks:
        [folder] = {ref.key.partition("/")[0] for ref in chunk}
        found[folder] += len(chunk)
    return found


def test_a_small_submission_is_sent_beside_a_large_one(ledger: Ledger) -> None:
    submit(ledger, keys(200))
    assert parts(ledger.dispatch.take_chunks(8, 4, 600)) == {"a": 32}
    submit(ledger, other(6), "s3://later/")
    assert parts(ledger.dispatch.take_chunks(2, 4, 600)) == {"other": 6}
    assert parts(ledger.dispatch.take_chunks(3, 4, 600)) == {"a": 12}


def test_each_chunk_is_of_one_submission_and_they_alternate(ledger: Ledger) -> None:
    submit(ledger, keys(20))
    submit(ledger, other(20), "s3://later/")
    chunks = ledger.dispatch.take_chunks(6, 4, 600)
    assert parts(chunks) == {"a": 12, "other": 12}
    assert len({chunk[0].key[0] for chunk in chunks[:2]}) == 2


def test_room_that_one_submission_cannot_fill_goes_to_the_others(ledger: Ledger) -> None:
    submit(ledger, keys(5))
    submit(ledger, other(100), "s3://later/")
    assert parts(ledger.dispatch.take_chunks(10, 4, 600)) == {"a": 5, "other": 32}


@pytest.fixture
def away(ledger: Ledger) -> list[ImageRef]:
    """Images of a submission of 60 that came back lately; nothing of it has ended."""
    submit(ledger, keys(60), AWAY)
    taken = [image for chunk in ledger.dispatch.take_chunks(5, 4, 600) for image in chunk]
    ledger.claims.claim(taken, 600)
    ledger.claims.release([image.id for image in taken], delay=True)
    return taken


@pytest.mark.usefixtures("away")
def test_a_submission_whose_images_come_back_is_probed_with_one_chunk_while_others_go_on(
    ledger: Ledger,
) -> None:
    submit(ledger, other(40), WELL)
    assert parts(ledger.dispatch.take_chunks(6, 4, 600)) == {"a": 4, "other": 20}
    assert parts(ledger.dispatch.take_chunks(6, 4, 600)) == {"other": 20}
    assert ledger.dispatch.take_chunks(6, 4, 600) == []


@pytest.mark.usefixtures("away")
def test_once_an_image_of_it_ends_it_has_its_part_again(ledger: Ledger, engine: sa.Engine) -> None:
    [probe] = ledger.dispatch.take_chunks(6, 4, 600)
    end(engine, ledger.claims.claim(probe, 600)[0])
    assert parts(ledger.dispatch.take_chunks(6, 4, 600)) == {"a": 24}


@pytest.mark.usefixtures("away")
def test_one_broken_worker_does_not_slow_a_submission_that_others_read(
    ledger: Ledger, engine: sa.Engine
) -> None:
    [probe] = ledger.dispatch.take_chunks(6, 4, 600)
    first, *rest = ledger.claims.claim(probe, 600)
    end(engine, first)
    ledger.claims.release([image.id for image in rest], delay=True)
    assert parts(ledger.dispatch.take_chunks(6, 4, 600)) == {"a": 24}


def end(engine: sa.Engine, image: ImageRef) -> None:
    results = Results(engine)
    version = results.register_model(ModelVersion("d", "r", {}))
    results.save(version, [ImageFailed(image, "empty", "it has no bytes")])


def test_what_no_message_names_is_sent_again_at_once_unless_it_was_begun(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(8))
    [first, second] = ledger.dispatch.take_chunks(2, 4, 900)
    ledger.claims.claim(first, 900)
    assert set(ledger.dispatch.queued(100)) == {image.id for image in (*first, *second)}
    assert ledger.dispatch.requeue_lost(ledger.dispatch.queued(100), 240) == 4
    assert set(ledger.dispatch.queued(100)) == {image.id for image in first}
    with engine.connect() as connection:
        left = connection.execute(
            sa.text("SELECT max(leased_until) - now() < '241 s' FROM images WHERE attempts = 1")
        )
        assert left.scalar_one()
    assert parts(ledger.dispatch.take_chunks(9, 4, 900)) == {"a": 4}


def test_whose_turn_it_is_reads_no_image_that_is_done(ledger: Ledger, engine: sa.Engine) -> None:
    """The real statement, on a ledger most of which is done or waits."""
    submit(ledger, keys(4000))
    execute(engine, "INSERT INTO model_versions (detector, reader, config, digest) "
            "VALUES ('d', 'r', '{}', sha256('v'))")  # fmt: skip
    execute(
        engine,
        "UPDATE images SET state = 'done', model_version_id = 1, "
        "processed_at = now() - interval '1 day' WHERE id % 2 = 0",
    )
    execute(engine, "ANALYZE images")
    execute(engine, "ANALYZE submissions")
    explain = sa.text("EXPLAIN " + str(DISPATCHABLE))
    with engine.connect() as connection:
        plan = "\n".join(connection.execute(explain, {"probe_seconds": 60}).scalars())
    assert "ix_images_returned" in plan
    assert "Seq Scan on images" not in plan
