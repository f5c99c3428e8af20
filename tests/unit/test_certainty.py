"""Warmth becomes a probability and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.certainty import Certainty

SHARES = st.floats(0.01, 0.99)
LINES = st.builds(Certainty, st.floats(0.6, 5.0), st.floats(-2.0, 2.0))


@given(SHARES)
def test_the_plain_line_changes_nothing(warmth: float) -> None:
    assert Certainty().probability(warmth) == pytest.approx(warmth)


@given(LINES, SHARES)
def test_the_warmth_of_a_probability_has_that_probability(line: Certainty, share: float) -> None:
    assert line.probability(line.warmth(share)) == pytest.approx(share, abs=1e-3)


@given(LINES, SHARES, SHARES)
def test_what_is_warmer_is_no_less_likely(line: Certainty, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert line.probability(low) <= line.probability(high)


@pytest.mark.parametrize("warmth", [0.0, 1.0])
def test_the_ends_are_no_errors(warmth: float) -> None:
    assert Certainty(2.0, 1.0).probability(warmth) == pytest.approx(warmth, abs=1e-3)


@pytest.mark.parametrize("slope", [0.0, -1.0])
def test_a_line_that_does_not_rise_is_refused(slope: float) -> None:
    with pytest.raises(ValueError, match="slope above 0"):
        Certainty(slope, 0.0)
