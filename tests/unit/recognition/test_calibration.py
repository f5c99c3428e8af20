"""Calibrates heat-map score and refiner logit to a probability."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.calibration import ScoreCalibration

SHARES = st.floats(0.01, 0.99)
LOGITS = st.floats(-20, 20)
LINES = st.builds(ScoreCalibration, st.floats(0.1, 5.0), st.floats(0.1, 2.0), st.floats(-2.0, 2.0))


@given(SHARES)
def test_the_plain_line_changes_nothing(heatmap_score: float) -> None:
    assert ScoreCalibration().probability(heatmap_score) == pytest.approx(heatmap_score)


@given(LINES, SHARES, SHARES, LOGITS)
def test_a_higher_heat_map_score_is_no_less_likely(
    line: ScoreCalibration, one: float, other: float, refiner_logit: float
) -> None:
    low, high = sorted((one, other))
    assert line.probability(low, refiner_logit) <= line.probability(high, refiner_logit)


@given(LINES, SHARES, LOGITS, LOGITS)
def test_a_higher_refiner_logit_is_no_less_likely(
    line: ScoreCalibration, heatmap_score: float, one: float, other: float
) -> None:
    low, high = sorted((one, other))
    assert line.probability(heatmap_score, low) <= line.probability(heatmap_score, high)


@pytest.mark.parametrize("heatmap_score", [0.0, 1.0])
def test_the_ends_are_no_errors(heatmap_score: float) -> None:
    assert ScoreCalibration(2.0, 1.0).probability(heatmap_score) == pytest.approx(
        heatmap_score, abs=1e-3
    )


@pytest.mark.parametrize("refiner_logit", [-1e6, 1e6])
def test_no_refiner_logit_is_too_far(refiner_logit: float) -> None:
    assert ScoreCalibration(1.0, 1.0).probability(0.5, refiner_logit) == pytest.approx(
        float(refiner_logit > 0)
    )


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 2.0), (1.0, -1.0)])
def test_a_line_that_does_not_rise_is_refused(weights: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="weights of 0 and more"):
        ScoreCalibration(*weights)
