"""Waiting for a service that is away."""

import pytest

from hkplates.errors import ImageMissing, StoreUnreachable
from hkplates.retry import RetryPolicy


def test_pauses_double_up_to_the_longest_and_are_spread() -> None:
    pauses: list[float] = []
    tries = RetryPolicy(
        max_seconds=1000, first_pause=1, longest_pause=4, sleep=pauses.append
    ).attempts()
    assert [next(tries) for _ in range(5)] == [1, 2, 3, 4, 5]
    for pause, middle in zip(pauses, (1, 2, 4, 4), strict=True):
        assert middle / 2 <= pause <= middle * 1.5
    assert pauses[2] != pauses[3]


def test_the_last_fault_is_raised_when_patience_runs_out() -> None:
    def away() -> None:
        raise StoreUnreachable("busy")

    with pytest.raises(StoreUnreachable):
        RetryPolicy(max_seconds=0).call(away)


def test_what_is_not_temporary_is_not_tried_again() -> None:
    calls: list[int] = []

    def missing() -> None:
        calls.append(1)
        raise ImageMissing("gone")

    with pytest.raises(ImageMissing):
        RetryPolicy(first_pause=0).call(missing)
    assert len(calls) == 1
