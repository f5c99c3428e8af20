"""Retries an operation while the service that it needs is away.

In place of a library such as tenacity: what is particular here (which faults of an outage are
reported, its end, attempts that end without an exception, an injected clock) is the larger part.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import structlog

from hkplates.errors import TemporaryFault

log = structlog.get_logger()
Result = TypeVar("Result")


def _log_fault(fault: TemporaryFault, attempt: int, _pause: float | None) -> None:
    """Logs each fault with the number of the attempt."""
    log.warning("service_away", fault=str(fault), tries=attempt)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential pauses between attempts, in seconds, each multiplied by random jitter.

    The jitter keeps a hundred workers from knocking at a returning server in the same second.
    """

    first: float = 1.0
    longest: float = 15.0
    factor: float = 2.0
    jitter: tuple[float, float] = (0.5, 1.5)
    """Least and greatest multiplier, drawn uniformly."""

    def pauses(self) -> Iterator[float]:
        """Yields pauses without end."""
        pause = self.first
        while True:
            yield pause * random.uniform(*self.jitter)  # noqa: S311  (no secret)
            pause = min(self.factor * pause, self.longest)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries after TemporaryFault until the operation succeeds, the time is up, or a stop."""

    max_seconds: float = 45.0
    """No attempt begins later than this after the first one: for a worker, well within a task's
    soft time limit."""
    backoff: Backoff = field(default_factory=Backoff)
    sleep: Callable[[float], None] = time.sleep
    should_stop: Callable[[], bool] = lambda: False
    """Asked after each pause: returns True where no attempt may follow."""
    clock: Callable[[], float] = time.monotonic
    from_first_fault: bool = False
    """Counts `max_seconds` from the first fault, so that a slow operation shortens no wait."""
    report_once_per: Callable[[TemporaryFault], object] | None = None
    """Reports only the first fault of each key in an outage; without it, every fault."""
    on_fault: Callable[[TemporaryFault, int, float | None], None] = _log_fault
    """Receives a fault, the attempt's number from 1, and the pause in seconds that follows; None
    where this was the last attempt."""
    on_recovery: Callable[[float], None] = lambda seconds: None
    """Receives the seconds from the first fault to the success after it."""

    def attempts(self) -> Iterator[int]:
        """Numbers attempts from 1, pausing before all but the first."""
        pauses = self._pauses(self.clock())
        for attempt in count(1):
            yield attempt
            pause = next(pauses, None)
            if pause is None or not self._rest(pause):
                return

    def call(self, operation: Callable[[], Result]) -> Result:
        """Returns the operation's result, once the service that it needs is back.

        Raises:
            TemporaryFault: the last one, once the time is up or a stop was requested.
        """
        pauses, failed_at = self._pauses(self.clock()), None
        reported: set[object] = set()
        for attempt in count(1):
            try:
                result = operation()
            except TemporaryFault as fault:
                failed_at = self.clock() if failed_at is None else failed_at
                pause = next(pauses, None)
                key = self.report_once_per(fault) if self.report_once_per else attempt
                if key not in reported:
                    reported.add(key)
                    self.on_fault(fault, attempt, pause)
                if pause is None or not self._rest(pause):
                    raise
            else:
                break
        if failed_at is not None:
            self.on_recovery(self.clock() - failed_at)
        return result

    def _pauses(self, began: float) -> Iterator[float]:
        """Yields the pauses that end in time. Runs from the first fault on, when it is resumed."""
        deadline = self.max_seconds + (self.clock() if self.from_first_fault else began)
        for pause in self.backoff.pauses():
            if self.clock() + pause > deadline:
                return
            yield pause

    def _rest(self, pause: float) -> bool:
        """Pauses; returns whether an attempt may follow."""
        self.sleep(pause)
        return not self.should_stop()
