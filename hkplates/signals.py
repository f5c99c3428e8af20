"""Handles the signals that end long-running commands: Ctrl-C, or `kill` as for a container."""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@contextmanager
def interruptible() -> Iterator[None]:
    """Makes `kill` raise KeyboardInterrupt within, as Ctrl-C does.

    The driver cancels the statement that it interrupts and warns on standard error where that
    fails. The warning is silenced: the connection is closed anyway, and the command says why it
    ends.
    """
    driver = logging.getLogger("psycopg")
    level, handler = driver.level, signal.signal(signal.SIGTERM, signal.default_int_handler)
    driver.setLevel(logging.ERROR)
    try:
        yield
    finally:
        driver.setLevel(level)
        signal.signal(signal.SIGTERM, handler)


@dataclass
class StopSignal:
    """The request to stop a service: the signal it came by, and sleeps that end with it."""

    signal: int | None = None
    slice_seconds: float = 0.2

    @property
    def requested(self) -> bool:
        """Returns whether a signal has come."""
        return self.signal is not None

    def install_handlers(self) -> None:
        """Installs handlers that record SIGTERM and SIGINT and interrupt nothing."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._remember)

    def sleep(self, seconds: float) -> None:
        """Sleeps in slices: a signal's handler may lock nothing, and so cannot wake a sleeper."""
        deadline = time.monotonic() + seconds
        while not self.requested and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, self.slice_seconds))

    def _remember(self, number: int, _: object) -> None:
        self.signal = number
