"""A worker's parent records why a child was killed, on a Postgres that makes it wait."""

import threading
import time

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, column, keys, submit, take
from structlog.testing import capture_logs

from hkplates.database.ledger.claims import Claims
from workers.lifecycle import chunk_request


@pytest.fixture
def queued(
    database_url: str, broker_url: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Returns the id of an image that a worker has begun."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CELERY_BROKER_URL", broker_url)
    submit(ledger, keys(1))
    return take(ledger)[0].id


def test_what_killed_a_child_is_noted(engine: sa.Engine, queued: int) -> None:
    chunk_request.record_failure_cause(queued, "timed_out")
    assert column(engine, "SELECT trouble FROM images") == ["timed_out"]


def test_a_row_that_stays_locked_does_not_hold_the_worker(
    engine: sa.Engine, queued: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_request, "RECORD_SECONDS", 2.0)
    with engine.begin() as connection, capture_logs() as logs:
        connection.execute(sa.text("SELECT FROM images FOR UPDATE"))
        began = time.monotonic()
        chunk_request.record_failure_cause(queued, "timed_out")
        assert time.monotonic() - began < 10
    [told] = [log for log in logs if log["event"] == "image_not_blamed"]
    assert "statement timeout" in told["why"] or "no answer" in told["why"]
    assert column(engine, "SELECT trouble FROM images") == [None]


def test_a_postgres_that_hangs_does_not_hold_the_worker(
    queued: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(chunk_request, "RECORD_SECONDS", 0.2)
    monkeypatch.setattr(Claims, "record_failure_cause", lambda *_: over.wait(60))
    with capture_logs() as logs:
        chunk_request.record_failure_cause(queued, "crashed")
        over.set()
    [told] = [log for log in logs if log["event"] == "image_not_blamed"]
    assert told["why"] == "no answer in 0.2 seconds"
