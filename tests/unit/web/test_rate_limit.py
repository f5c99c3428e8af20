"""Tests of rate limits by sliding windows."""

import pytest

from web.auth.rate_limit import SlidingWindow, client_network


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_done_counts_until_its_window_is_over() -> None:
    clock = Clock()
    window = SlidingWindow(2, 60, clock=clock)
    assert window.try_acquire("a") == 0
    clock.now += 30
    assert window.try_acquire("a") == 0
    assert window.try_acquire("a") == 30
    assert window.try_acquire("b") == 0
    clock.now += 30
    assert window.try_acquire("a") == 0
    assert window.try_acquire("a") == 30


def test_what_was_refused_does_not_count() -> None:
    clock = Clock()
    window = SlidingWindow(1, 60, clock=clock)
    window.try_acquire("a")
    assert [window.try_acquire("a") for _ in range(50)] == [60] * 50
    clock.now += 60
    assert window.try_acquire("a") == 0


def test_nobody_waits_less_than_a_second() -> None:
    clock = Clock()
    window = SlidingWindow(1, 60, clock=clock)
    window.try_acquire("a")
    clock.now += 59.9999
    assert window.try_acquire("a") == 1


def test_many_keys_take_no_more_memory_than_some() -> None:
    window = SlidingWindow(1, 60, max_keys=100)
    for number in range(1000):
        assert window.try_acquire(str(number)) == 0
    assert len(window._times) == 100
    assert window.try_acquire("999") > 0  # the latest are remembered
    assert window.try_acquire("0") == 0


def test_a_key_that_is_forgotten_begins_anew() -> None:
    window = SlidingWindow(1, 60)
    window.try_acquire("a")
    window.reset("a")
    window.reset("never seen")
    assert window.try_acquire("a") == 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        (None, "nowhere"),
    ],
)
def test_a_household_counts_as_one(address: str | None, expected: str) -> None:
    assert client_network(address) == expected
