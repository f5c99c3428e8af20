"""Numbers and times as the pages show them."""

from datetime import UTC, datetime

import pytest

from web import display


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0%"),
        (0.0001, "under 1%"),
        (0.005, "under 1%"),
        (0.006, "1%"),
        (0.934, "93%"),
        (0.996, "over 99%"),
        (0.9999, "over 99%"),
        (1, "100%"),
    ],
)
def test_nothing_is_called_certain_or_impossible_that_is_not(value: float, shown: str) -> None:
    assert display.percent(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (3661 + 240, "1 h 5 min"),
        (86400 * 3, "3 days"),
        (86400 * 3 + 7200, "3 days 2 h"),
    ],
)
def test_durations_are_as_exact_as_people_want_them(seconds: float, shown: str) -> None:
    assert display.duration(seconds) == shown


def test_times_are_hong_kongs() -> None:
    shown = display.time_element(datetime(2026, 7, 15, 20, 30, tzinfo=UTC))
    assert shown == '<time datetime="2026-07-15T20:30:00+00:00">2026-07-16 04:30:00</time>'


def test_a_long_address_may_break_after_its_slashes_and_is_escaped() -> None:
    assert display.breakable_uri("s3://a/<b>\n") == "s3:/<wbr>/<wbr>a/<wbr>&lt;b&gt;\\n"


@pytest.mark.parametrize(
    ("value", "shown", "day"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 08:00:00", "0001-01-01"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31 23:59:59 UTC", "9999-12-31"),
    ],
)
def test_the_first_and_the_last_moment_are_times_too(value: datetime, shown: str, day: str) -> None:
    assert display.time_element(value) == f'<time datetime="{value.isoformat()}">{shown}</time>'
    assert display.day(value) == day
