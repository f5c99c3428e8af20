"""Tests interruptions while the driver checks that a pooled connection is alive."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError


class TimeIsUp(Exception):
    """Stands for Celery's soft time limit."""


@pytest.fixture
def hanging(engine: sa.Engine) -> Iterator[None]:
    """Stops the server's side of the one pooled connection for a while."""
    with engine.connect() as connection:
        process = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    try:
        os.kill(process, signal.SIGSTOP)
    except (ProcessLookupError, PermissionError):
        pytest.skip("the server is not on this machine")
    going_on = threading.Timer(2.0, os.kill, (process, signal.SIGCONT))
    going_on.start()
    yield
    going_on.join()


@pytest.mark.usefixtures("hanging")
@pytest.mark.parametrize("strikes", [KeyboardInterrupt, TimeIsUp])
def test_what_breaks_a_statement_off_is_hidden_by_nothing(
    engine: sa.Engine, strikes: type[BaseException]
) -> None:
    def strike(*_: object) -> None:
        raise strikes

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(strikes):
            engine.connect()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1


def test_what_was_caught_before_hides_no_error_of_a_statement(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        try:
            raise KeyError("caught")
        except KeyError:
            with pytest.raises(ProgrammingError, match="no_such_table"):
                connection.execute(sa.text("SELECT FROM no_such_table"))
