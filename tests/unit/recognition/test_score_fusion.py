"""Fuses detector score and reading into P(Hong Kong plate)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.score_fusion import FORMS, ScoreFusion, reading_form
from hkplates.recognition.types import TextReading

SHARES = st.floats(0.02, 0.98)
FORM_WEIGHTS = {"lettered": 1.4, "foreign": -1.4}
FUSION = ScoreFusion(score_weight=0.4, reading_weight=0.4, form_weights=FORM_WEIGHTS, bias=-0.6)


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
    mark, word, foreign = (
        FUSION.probability(score, read(text, confidence)) for text in ("AB 123", "LOVE", "18 BES")
    )
    assert mark > word > foreign


@pytest.mark.parametrize(
    ("text", "form"),
    [
        pytest.param("AG 5555", "lettered", id="usual"),
        pytest.param("AM123", "lettered", id="government"),
        pytest.param("EC 12", "lettered_short", id="usual, few digits"),
        pytest.param("AB 1O3", "lettered", id="O printed for 0 in a usual mark"),
        pytest.param("NARITA", "word", id="I printed for 1 in a word"),
        pytest.param("TAX", "word_short", id="three letters"),
        pytest.param("1HK", "foreign", id="digits first"),
        pytest.param("TAXI", "lettering", id="a taxi's roof"),
        pytest.param("155", "digits", id="a route's number"),
        pytest.param("LOVE 8", "mixed", id="letters, a digit"),
        pytest.param("PVX 0095", "foreign", id="three letters and a number: Brazil"),
        pytest.param("B 704 KLA", "foreign", id="letters on both sides: Romania"),
        pytest.param("DZ17 YXR", "foreign", id="the same: Britain"),
    ],
)
def test_a_text_has_the_form_of_a_hong_kong_mark_or_of_another(text: str, form: str) -> None:
    assert reading_form(text) == form


@given(st.text("ABIO019 -", max_size=10))
def test_every_text_has_a_form(text: str) -> None:
    assert reading_form(text) in FORMS


@pytest.mark.parametrize(
    "values",
    [
        {"score_weight": -0.1},
        {"reading_weight": -0.1},
        {"threshold": 7.0},
        {"bias": float("nan")},
        {"form_weights": {"sonnet": 1.0}},
    ],
)
def test_a_score_fusion_that_does_not_rise_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="rises"):
        ScoreFusion(**values)


@pytest.mark.parametrize(("score", "holds"), [(0.45, False), (0.55, True)])
def test_what_shows_no_text_is_held_for_a_plate_from_even_on(score: float, holds: bool) -> None:
    fusion = ScoreFusion(
        score_weight=0.4,
        reading_weight=0.4,
        form_weights=FORM_WEIGHTS,
        bias=-0.6,
        threshold=0.3,
    )
    assert fusion.is_hong_kong(score, read("", 0.0)) is holds


def test_a_guess_is_worth_nothing_however_unsure() -> None:
    assert FUSION.probability(0.5, read("LOVE", 0.0)) == FUSION.probability(0.5, read("LOVE", 0.01))
