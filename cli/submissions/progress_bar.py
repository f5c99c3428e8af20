"""Shows how far a submission is, on standard error: a bar on a terminal, else lines."""

import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hkplates.database.queries.submissions import Counts
from producer.progress import Progress, Standing

LINE_EVERY_SECONDS = 5.0


BAR_EVERY_SECONDS = 0.5


RATE_OVER_SECONDS = 30.0


BAR_WIDTH = 40


class Rate:
    """Images a second over the last half minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def per_second(self, ended: int) -> float:
        """The rate, once told how many images have ended by now."""
        now = self._clock()
        self._seen.append((now, ended))
        while now - self._seen[0][0] > RATE_OVER_SECONDS:
            self._seen.popleft()
        began, before = self._seen[0]
        return (ended - before) / (now - began) if now > began else 0.0


def describe(standing: Standing, rate: float) -> str:
    """One line: listed, queued, done, failed, images/s and when it will end."""
    return ", ".join(filter(None, (in_numbers(standing), pace(standing, rate))))


def in_numbers(standing: Standing) -> str:
    """5,513 listed, 10 skipped, 4,000 pending, 500 queued, 1,000 done, 3 failed, 1 set aside"""
    counts = standing.counts
    parts = [
        f"{standing.listed:,} listed{'...' if standing.listing else ''}",
        f"{counts.pending:,} pending",
        f"{counts.queued:,} queued",
        f"{counts.done:,} done",
        f"{counts.failed:,} failed",
    ]
    if counts.quarantined:
        parts.append(f"{counts.quarantined:,} set aside")
    if standing.skipped:
        parts.insert(1, f"{standing.skipped:,} skipped")
    return ", ".join(parts)


def pace(standing: Standing, rate: float) -> str:
    """50.0 images/s, ETA 0:01:30"""
    if rate <= 0:
        return ""
    left = standing.counts.left
    eta = f", ETA {timedelta(seconds=round(left / rate))}" if left and not standing.listing else ""
    return f"{rate:,.1f} images/s{eta}"


class Lines:
    """Plain lines, seconds apart."""

    def __init__(self, stream: TextIO, every_seconds: float = LINE_EVERY_SECONDS) -> None:
        self._stream = stream
        self._every = every_seconds
        self._next = 0.0
        self._rate = Rate()
        self._shown = ""

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def show(self, standing: Standing) -> None:
        line = describe(standing, self._rate.per_second(standing.counts.processed))
        over = not standing.listing and not standing.counts.left
        if line != self._shown and (self.due() or over):
            self.say(line)
            self._shown = line
            self._next = time.monotonic() + self._every

    def say(self, words: str) -> None:
        self._stream.write(words + "\n")
        self._stream.flush()

    def wait_at_least(self, seconds: float) -> None:
        self._next = max(self._next, time.monotonic() + seconds)

    def close(self) -> None:
        """Nothing to give back."""


class Bar:
    """A bar that is drawn anew in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._live.start()
        self._next = 0.0
        self._rate = Rate()

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def show(self, standing: Standing) -> None:
        rate = self._rate.per_second(standing.counts.processed)
        bar = _bar(standing.counts).append(f"  {pace(standing, rate)}", style="default")
        self._live.update(Group(bar, Text(in_numbers(standing))), refresh=True)
        self._next = time.monotonic() + BAR_EVERY_SECONDS

    def say(self, words: str) -> None:
        self._live.console.print(words, markup=False, highlight=False)

    def wait_at_least(self, seconds: float) -> None:
        self._next = max(self._next, time.monotonic() + seconds)

    def close(self) -> None:
        self._live.stop()


def _bar(counts: Counts) -> Text:
    share = counts.ended / counts.total if counts.total else 0.0
    full = int(BAR_WIDTH * share)
    bar = Text("━" * full, style="green")
    return bar.append("━" * (BAR_WIDTH - full), style="bright_black").append(f" {share:4.0%}")


def open_progress() -> Progress:
    """A bar where a person looks on, else lines."""
    if sys.stderr.isatty():
        return Bar(Console(stderr=True))
    return Lines(sys.stderr)
