"""Displays the progress of a submission on standard error: a bar on a terminal, else lines."""

import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from producer.progress import Progress as SubmissionProgress
from producer.progress import ProgressSnapshot

LINE_EVERY_SECONDS = 5.0
BAR_EVERY_SECONDS = 0.5
RATE_OVER_SECONDS = 30.0
BAR_WIDTH = 40


class RecentRate:
    """Measures images a second over the last half minute.

    The rate of rich.progress is that between the last steps forward: it would not fall in a stall.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def per_second(self, ended: int) -> float:
        """Records how many images have ended by now; returns the images a second."""
        now = self._clock()
        self._seen.append((now, ended))
        while now - self._seen[0][0] > RATE_OVER_SECONDS:
            self._seen.popleft()
        began, before = self._seen[0]
        return (ended - before) / (now - began) if now > began else 0.0


def format_line(snapshot: ProgressSnapshot, rate: float) -> str:
    """Formats one line: counts, images/s and ETA."""
    return ", ".join(filter(None, (format_counts(snapshot), format_rate(snapshot, rate))))


def format_counts(snapshot: ProgressSnapshot) -> str:
    """Formats the counts.

    `5,513 listed, 10 skipped, 4,000 pending, 500 queued, 1,000 done, 3 failed, 1 set aside`
    """
    counts = snapshot.counts
    parts = [
        f"{snapshot.listed:,} listed{'...' if snapshot.listing else ''}",
        f"{counts.pending:,} pending",
        f"{counts.queued:,} queued",
        f"{counts.done:,} done",
        f"{counts.failed:,} failed",
    ]
    if counts.quarantined:
        parts.append(f"{counts.quarantined:,} set aside")
    if snapshot.skipped:
        parts.insert(1, f"{snapshot.skipped:,} skipped")
    return ", ".join(parts)


def format_rate(snapshot: ProgressSnapshot, rate: float) -> str:
    """Formats rate and ETA: `50.0 images/s, ETA 0:01:30`; empty where nothing moves."""
    if rate <= 0:
        return ""
    left = snapshot.counts.left
    eta = f", ETA {timedelta(seconds=round(left / rate))}" if left and not snapshot.listing else ""
    return f"{rate:,.1f} images/s{eta}"


class LineProgress:
    """Prints plain lines, seconds apart."""

    def __init__(self, stream: TextIO, every_seconds: float = LINE_EVERY_SECONDS) -> None:
        self._stream = stream
        self._every = every_seconds
        self._next = 0.0
        self._rate = RecentRate()
        self._shown = ""

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def show(self, snapshot: ProgressSnapshot) -> None:
        line = format_line(snapshot, self._rate.per_second(snapshot.counts.processed))
        over = not snapshot.listing and not snapshot.counts.left
        if line != self._shown and (self.due() or over):
            self.print_message(line)
            self._shown = line
            self._next = time.monotonic() + self._every

    def print_message(self, message: str) -> None:
        self._stream.write(message + "\n")
        self._stream.flush()

    def wait_at_least(self, seconds: float) -> None:
        self._next = max(self._next, time.monotonic() + seconds)

    def close(self) -> None:
        """Holds nothing that must be closed."""


class BarProgress:
    """Redraws a bar with share, rate and ETA in place, and the counts below it."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            BarColumn(BAR_WIDTH, complete_style="green", finished_style="green"),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            console=console,
        )
        self._task = self._bar.add_task("", rate="")
        # Refreshed by `show` alone: a thread of its own would compete with the dispatcher.
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()
        self._next = 0.0
        self._rate = RecentRate()

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def show(self, snapshot: ProgressSnapshot) -> None:
        counts = snapshot.counts
        rate = format_rate(snapshot, self._rate.per_second(counts.processed))
        # Without images the bar is empty, and not full as of a total of 0.
        self._bar.update(self._task, completed=counts.ended, total=max(counts.total, 1), rate=rate)
        self._live.update(Group(self._bar, Text(format_counts(snapshot))), refresh=True)
        self._next = time.monotonic() + BAR_EVERY_SECONDS

    def print_message(self, message: str) -> None:
        self._live.console.print(message, markup=False, highlight=False)

    def wait_at_least(self, seconds: float) -> None:
        self._next = max(self._next, time.monotonic() + seconds)

    def close(self) -> None:
        self._live.stop()


def open_progress() -> SubmissionProgress:
    """Returns a bar where standard error is a terminal, else lines."""
    if sys.stderr.isatty():
        return BarProgress(Console(stderr=True, emoji=False))
    return LineProgress(sys.stderr)
