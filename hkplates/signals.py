"""How commands that run for long are ended: by Ctrl-C, or by `kill` as a container is."""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@contextmanager
def interruptible() -> Iterator[None]:
    """`kill` raises KeyboardInterrupt here, as Ctrl-C does.

    The driver cancels the statement that it interrupts, and warns on standard error where that does
    not end well: of a connection that is given up anyway, beside the sentence of the command.
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
    """Remembers that a service was asked to end, by which signal, and sleeps no longer then."""

    signal: int | None = None
    slice_seconds: float = 0.2

    @property
    def requested(self) -> bool:
        return self.signal is not None

    def install_handlers(self) -> None:
        """From now on SIGTERM and SIGINT are remembered, and nothing is broken off by them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._remember)

    def sleep(self, seconds: float) -> None:
        """In slices: nothing may be locked in a signal's handler, and so none can wake us."""
        until = time.monotonic() + seconds
        while not self.requested and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, self.slice_seconds))

    def _remember(self, number: int, _: object) -> None:
        self.signal = number
