"""What the networks say of a place becomes a probability."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.calibration import ScoreCalibration

SHARES = st.floats(0.01, 0.99)
LEADS = st.floats(-20, 20)
LINES = st.builds(ScoreCalibration, st.floats(0.1, 5.0), st.floats(0.1, 2.0), st.floats(-2.0, 2.0))


@given(SHARES)
def test_the_plain_line_changes_nothing(warmth: float) -> None:
    assert ScoreCalibration().probability(warmth) == pytest.approx(warmth)


@given(LINES, SHARES, SHARES, LEADS)
def test_what_is_warmer_is_no_less_likely(
    line: ScoreCalibration, one: float, other: float, lead: float
) -> None:
    low, high = sorted((one, other))
    assert line.probability(low, lead) <= line.probability(high, lead)


@given(LINES, SHARES, LEADS, LEADS)
def test_what_leads_further_is_no_less_likely(
    line: ScoreCalibration, warmth: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert line.probability(warmth, low) <= line.probability(warmth, high)


@pytest.mark.parametrize("warmth", [0.0, 1.0])
def test_the_ends_are_no_errors(warmth: float) -> None:
    assert ScoreCalibration(2.0, 1.0).probability(warmth) == pytest.approx(warmth, abs=1e-3)


@pytest.mark.parametrize("lead", [-1e6, 1e6])
def test_no_lead_is_too_far(lead: float) -> None:
    assert ScoreCalibration(1.0, 1.0).probability(0.5, lead) == pytest.approx(float(lead > 0))


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 2.0), (1.0, -1.0)])
def test_a_line_that_does_not_rise_is_refused(weights: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="weights of 0 and more"):
        ScoreCalibration(*weights)
