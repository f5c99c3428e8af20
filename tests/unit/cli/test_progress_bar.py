"""Tests what a person sees while a submission runs."""

import io

from rich.console import Console

from cli.submissions.progress_bar import BarProgress, LineProgress, RecentRate, format_line
from hkplates.database.queries.submissions import Counts
from producer.progress import ProgressSnapshot


def test_a_line_tells_counts_rate_and_what_is_left() -> None:
    counts = Counts(pending=4000, queued=500, done=1000, failed=2, quarantined=1)
    line = format_line(ProgressSnapshot(5513, 10, counts, listing=False), 50.0)
    assert line == (
        "5,513 listed, 10 skipped, 4,000 pending, 500 queued, 1,000 done, 2 failed, 1 set aside, "
        "50.0 images/s, ETA 0:01:30"
    )


def test_while_listing_no_end_is_foretold() -> None:
    line = format_line(ProgressSnapshot(10, 0, Counts(pending=10, done=1), listing=True), 5.0)
    assert line.startswith("10 listed...")
    assert "ETA" not in line


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    now = [0.0]
    rate = RecentRate(lambda: now[0])
    assert rate.per_second(0) == 0
    now[0] = 10
    assert rate.per_second(100) == 10
    now[0] = 39
    assert rate.per_second(100) == 0


def test_what_was_cancelled_tells_of_no_rate() -> None:
    assert Counts(pending=7, done=3, failed=1, quarantined=1, cancelled=9).processed == 5


def test_a_log_gets_a_line_now_and_then_and_the_last_one() -> None:
    stream = io.StringIO()
    lines = LineProgress(stream, every_seconds=3600)
    for done in range(5):
        lines.show(ProgressSnapshot(4, 0, Counts(queued=4 - done, done=done), listing=False))
    shown = stream.getvalue().splitlines()
    assert len(shown) == 2
    assert "4 done" in shown[-1]


def test_a_bar_on_a_terminal_shows_share_rate_and_counts() -> None:
    stream = io.StringIO()
    bar = BarProgress(Console(file=stream, width=80, force_terminal=True, color_system=None))
    bar.show(ProgressSnapshot(0, 0, Counts(), listing=True))
    assert "━" not in stream.getvalue()
    assert "   0%" in stream.getvalue()
    bar.print_message("No worker [is] taking work")
    bar.show(ProgressSnapshot(4, 0, Counts(queued=1, done=2, failed=1), listing=False))
    bar.close()
    shown = stream.getvalue()
    assert "No worker [is] taking work" in shown
    assert "━" * 30 in shown
    assert "━" * 31 not in shown
    assert " 75% " in shown
    assert "4 listed, 0 pending, 1 queued, 2 done, 1 failed" in shown
