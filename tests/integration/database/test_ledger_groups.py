"""Tests how attempts count for images that are worked as a group."""

from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger

from hkplates.database.schema.failure_reasons import MOST_ATTEMPTS
from hkplates.jobs import ImageRef

LEASE = 600  # seconds


@dataclass(frozen=True)
class Entry:
    """An image, as a store lists it."""

    key: str
    etag: str = "1"
    size: int = 10


@pytest.fixture
def images(ledger: Ledger) -> list[ImageRef]:
    submission = ledger.intake.open_submission("s3://car-park/")
    ledger.intake.add_images(submission.id, "s3", "car-park", [Entry(f"{n}.jpg") for n in range(3)])
    return ledger.dispatch.take_pending(3, LEASE)


def attempts(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        return list(
            connection.execute(sa.text("SELECT attempts FROM images ORDER BY id")).scalars()
        )


def test_a_group_that_is_broken_off_counts_once_however_often(
    ledger: Ledger, engine: sa.Engine, images: list[ImageRef]
) -> None:
    for _ in range(2 * MOST_ATTEMPTS):
        assert ledger.claims.claim(images, LEASE, alone=False) == images
    assert attempts(engine) == [1, 1, 1]


def test_who_was_begun_alone_or_in_trouble_is_left_out_of_a_group(
    ledger: Ledger, engine: sa.Engine, images: list[ImageRef]
) -> None:
    ledger.claims.claim(images, LEASE, alone=False)
    ledger.claims.claim(images[:1], LEASE)
    ledger.claims.record_failure_cause(images[1].id, "timed_out")
    assert ledger.claims.claim(images, LEASE, alone=False) == images[2:]
    assert ledger.claims.claim(images[:2], LEASE) == images[:2]
    assert attempts(engine) == [3, 2, 1]


def test_who_is_spent_is_set_aside_when_its_turn_alone_comes(
    ledger: Ledger, engine: sa.Engine, images: list[ImageRef]
) -> None:
    for _ in range(MOST_ATTEMPTS):
        ledger.claims.claim(images[:1], LEASE)
    assert ledger.claims.claim(images, LEASE, alone=False) == images[1:]
    assert ledger.claims.claim(images[:1], LEASE) == []
    with engine.connect() as connection:
        query = sa.text("SELECT count(*) FROM images WHERE state = 'quarantined'")
        assert connection.execute(query).scalar_one() == 1


def test_a_group_that_is_handed_back_counts_nothing(
    ledger: Ledger, engine: sa.Engine, images: list[ImageRef]
) -> None:
    ledger.claims.claim(images, LEASE, alone=False)
    ledger.claims.release([image.id for image in images])
    assert attempts(engine) == [0, 0, 0]
