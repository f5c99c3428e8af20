"""Waiting for a service that is away, no longer than a chunk can spare."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import structlog

from hkplates.errors import TemporaryFault

log = structlog.get_logger()
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Tries again after pauses that double and are spread at random, for a bounded time.

    Spread, so that a hundred workers do not knock at a returning server in the same second.
    """

    max_seconds: float = 45.0
    """After which no further try is begun: well within a task's soft time limit."""
    first_pause: float = 1.0  # seconds
    longest_pause: float = 15.0  # seconds
    sleep: Callable[[float], None] = time.sleep
    should_stop: Callable[[], bool] = lambda: False
    """Whether the worker was asked to end: there is no next try then."""

    def attempts(self) -> Iterator[int]:
        """Number each try, pausing before all but the first."""
        until = time.monotonic() + self.max_seconds
        number, pause = 1, self.first_pause
        while True:
            yield number
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311  (no secret)
            if time.monotonic() + wait > until:
                return
            self.sleep(wait)
            if self.should_stop():
                return
            number, pause = number + 1, min(2 * pause, self.longest_pause)

    def call(self, operation: Callable[[], Result]) -> Result:
        """The operation's result, once the service it needs is back.

        Raises:
            TemporaryFault: the last one, when patience has run out.
        """
        last: TemporaryFault | None = None
        for number in self.attempts():
            try:
                return operation()
            except TemporaryFault as fault:
                log.warning("service_away", fault=str(fault), tries=number)
                last = fault
        assert last is not None  # noqa: S101  (at least one try was made, and it failed)
        raise last
