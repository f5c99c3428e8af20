"""A worker's processes share the current image of each, and the shutdown."""

import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import Reject, SoftTimeLimitExceeded, WorkerLostError

from hkplates.errors import DatabaseUnreachable
from workers.lifecycle import chunk_request, current_image, shutdown


@pytest.fixture(autouse=True)
def nothing_shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shutdown, "_stop_flag", bytearray(1))
    yield
    current_image.set_current(0)


def in_a_child(work: Callable[[], object]) -> int:
    """Runs something in a forked process and returns its id."""
    process = os.fork()
    if process == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(process, 0)
    return process


def test_a_parent_knows_which_image_a_child_died_at() -> None:
    child = in_a_child(lambda: current_image.set_current(2**40))
    other = in_a_child(lambda: current_image.set_current(7))
    assert current_image.pop_current(child) == 2**40
    assert current_image.pop_current(child) == 0  # a later process may have the same number
    assert current_image.pop_current(other) == 7


def test_no_image_is_the_cause_for_a_child_that_was_at_no_image() -> None:
    child = in_a_child(lambda: (current_image.set_current(3), current_image.set_current(0)))
    assert current_image.pop_current(child) == 0
    assert current_image.pop_current(None) == 0


def test_a_worker_s_end_is_known_to_its_children_and_ends_their_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutdown, "_watchdogs", [object()])
    assert not shutdown.should_stop()
    shutdown.begin()
    assert shutdown.should_stop()
    began = time.monotonic()
    shutdown.sleep(60)
    assert time.monotonic() - began < 30


def test_the_longest_end_of_a_chunk_leaves_time_to_go() -> None:
    assert shutdown.CHUNK_GRACE_SECONDS + 5 <= shutdown.GRACE_SECONDS


class Notes:
    """A ledger and its engine, which may be unreachable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorded: list[tuple[int, str]] = []
        self.open = 0
        self.away = False
        monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/db")
        monkeypatch.setenv("CELERY_BROKER_URL", "redis://somewhere/0")
        monkeypatch.setattr(chunk_request, "open_engine", self.engine)
        monkeypatch.setattr(chunk_request, "Claims", lambda engine: self)

    def engine(self, url: str, *, statement_seconds: float) -> SimpleNamespace:
        assert statement_seconds < chunk_request.RECORD_SECONDS
        self.open += 1
        return SimpleNamespace(dispose=self.dispose)

    def dispose(self) -> None:
        self.open -= 1

    def record_failure_cause(self, image_id: int, cause: str) -> None:
        if self.away:
            raise DatabaseUnreachable("restarting")
        self.recorded.append((image_id, cause))


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    return Notes(monkeypatch)


passed_on: list[Exception] = []
"""Errors passed on to Celery's own request."""


def unwrapped(info: Any) -> Exception:
    """Unwraps the error that a child has sent, as Celery does."""
    error: Exception = getattr(info.exception, "exc", info.exception)
    return error


@pytest.fixture
def request_of(monkeypatch: pytest.MonkeyPatch) -> chunk_request.ChunkRequest:
    """A request of this process, whose base class does nothing."""
    passed_on.clear()
    monkeypatch.setattr(chunk_request.Request, "on_timeout", lambda *_: None)
    monkeypatch.setattr(
        chunk_request.Request, "on_failure", lambda _, info, *__: passed_on.append(unwrapped(info))
    )
    one = chunk_request.ChunkRequest.__new__(chunk_request.ChunkRequest)
    one.worker_pid = os.getpid()
    current_image.set_current(5)
    return one


def test_an_image_in_progress_when_the_hard_limit_struck_is_recorded_as_the_cause(
    notes: Notes, request_of: chunk_request.ChunkRequest
) -> None:
    request_of.on_timeout(True, 2)
    assert notes.recorded == []
    request_of.on_timeout(False, 8)
    assert notes.recorded == [(5, "timed_out")]
    assert notes.open == 0


def test_an_image_in_progress_when_its_process_was_killed_is_recorded_as_the_cause(
    notes: Notes, request_of: chunk_request.ChunkRequest
) -> None:
    request_of.on_failure(SimpleNamespace(exception=RuntimeError("told by the child")))
    assert notes.recorded == []
    request_of.on_failure(SimpleNamespace(exception=WorkerLostError("signal 11")))
    assert notes.recorded == [(5, "crashed")]


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), MemoryError()])
def test_what_strikes_where_nothing_catches_it_sends_the_message_back(
    notes: Notes, request_of: chunk_request.ChunkRequest, error: Exception
) -> None:
    request_of.on_failure(SimpleNamespace(exception=error))
    assert isinstance(passed_on[0], Reject)
    assert passed_on[0].requeue
    request_of.on_failure(SimpleNamespace(exception=RuntimeError("as it is")))
    assert isinstance(passed_on[1], RuntimeError)


def test_an_image_of_a_worker_that_is_stopped_is_not_recorded_as_a_cause(
    notes: Notes, request_of: chunk_request.ChunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "_stop_flag", bytearray(b"\1"))
    request_of.on_failure(SimpleNamespace(exception=WorkerLostError("signal 9")))
    assert notes.recorded == []


def test_a_database_that_is_away_does_not_keep_a_worker_from_going_on(
    notes: Notes, request_of: chunk_request.ChunkRequest
) -> None:
    notes.away = True
    request_of.on_timeout(False, 8)
    assert notes.open == 0
