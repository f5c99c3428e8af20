"""Fuses detector score and reading into P(Hong Kong plate)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.score_fusion import ScoreFusion
from hkplates.recognition.types import TextReading

SHARES = st.floats(0.02, 0.98)
FUSION = ScoreFusion(score_weight=0.4, reading_weight=0.4, series_weight=1.4, bias=-0.6)


def read(text: str, confidence: float) -> TextReading:
    return TextReading(text, confidence, (confidence,) * len(text), 1)


@given(SHARES, SHARES)
def test_without_one_the_score_is_the_probability(score: float, confidence: float) -> None:
    assert ScoreFusion().probability(score, read("AB 1234", confidence)) == pytest.approx(score)


@given(SHARES)
def test_what_shows_no_text_is_as_likely_as_the_detector_says(score: float) -> None:
    assert FUSION.probability(score, read("", 0.0)) == score


@given(SHARES, SHARES, SHARES)
def test_what_is_read_more_surely_is_no_less_likely(score: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    for text in ("AB1234", "LOVE"):
        less, more = (FUSION.probability(score, read(text, sure)) for sure in (low, high))
        assert less <= more


@given(SHARES, SHARES)
def test_two_letters_and_a_number_speak_for_hong_kong(score: float, confidence: float) -> None:
    mark, word = (FUSION.probability(score, read(text, confidence)) for text in ("AB 12", "LOVE"))
    assert mark > word


@pytest.mark.parametrize(
    "values",
    [{"score_weight": -0.1}, {"reading_weight": -0.1}, {"threshold": 7.0}, {"bias": float("nan")}],
)
def test_a_score_fusion_that_does_not_rise_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="rises"):
        ScoreFusion(**values)


@pytest.mark.parametrize(("score", "holds"), [(0.45, False), (0.55, True)])
def test_what_shows_no_text_is_held_for_a_plate_from_even_on(score: float, holds: bool) -> None:
    fusion = ScoreFusion(
        score_weight=0.4, reading_weight=0.4, series_weight=1.4, bias=-0.6, threshold=0.3
    )
    assert fusion.is_hong_kong(score, read("", 0.0)) is holds


def test_a_guess_is_worth_nothing_however_unsure() -> None:
    assert FUSION.probability(0.5, read("LOVE", 0.0)) == FUSION.probability(0.5, read("LOVE", 0.01))
