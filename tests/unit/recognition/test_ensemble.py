"""Two readers of one plate: the second is asked where the first doubts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.calibration import Agreement
from hkplates.recognition.reading.ensemble import SECOND_READER_BELOW, EnsembleReader, combine
from hkplates.recognition.types import Candidate, TextReading

WORTH = Agreement(agreed=(1.0, 0.5, 1.0), differed=(1.0, -0.5, -0.5))
CROPS = [np.full((90, 300, 3), shade, np.uint8) for shade in range(3)]


def reading(text, confidence, *others):
    candidates = (Candidate(text, confidence), *(Candidate(o, 0.1) for o in others))
    return TextReading(text, confidence, (confidence,) * len(text), 1, candidates)


class Says:
    """A reader that says the same of each shade of crop, and remembers what it was asked."""

    name = "says"

    def __init__(self, version, *readings):
        self.version, self._readings, self.asked = version, readings, []

    def read(self, crops):
        shades = [int(crop[0, 0, 0]) for crop in crops]
        self.asked += shades
        return [self._readings[shade] for shade in shades]


NOTHING = TextReading("", 0.0, (), 1)


def test_only_what_the_first_doubts_and_sees_a_text_on_is_asked_again():
    first = Says("a", reading("AB1234", SECOND_READER_BELOW), reading("CD56", 0.5), NOTHING)
    second = Says("b", NOTHING, reading("CD56", 0.6), reading("EF7", 0.9))

    readings = EnsembleReader(first, second, WORTH).read(CROPS)

    assert second.asked == [1]
    assert [r.text for r in readings] == ["AB1234", "CD56", ""]


def test_both_versions_are_told():
    assert EnsembleReader(Says("neural a1"), Says("tesseract b2"), WORTH).version == (
        "both neural a1 tesseract b2"
    )


def test_agreement_is_worth_more_than_either_alone():
    agreed = combine(reading("AB1234", 0.6), reading("AB1234", 0.6), WORTH)

    assert agreed.text == "AB1234"
    assert agreed.confidence > 0.7
    assert agreed.candidates[0] == Candidate("AB1234", agreed.confidence)


def test_i_and_1_are_no_difference():
    assert combine(reading("NARITA", 0.6), reading("NAR1TA", 0.6), WORTH).confidence > 0.7


@pytest.mark.parametrize(("first", "second"), [(0.7, 0.4), (0.4, 0.7)])
def test_where_they_differ_the_first_stays_and_is_doubted(first, second):
    settled = combine(reading("AB1234", first), reading("A81234", second), WORTH)

    assert settled.text == "AB1234"
    assert settled.confidence < first
    assert {c.text for c in settled.candidates} == {"AB1234", "A81234"}


def test_candidates_come_once_and_fall():
    settled = combine(
        reading("AB1234", 0.5, "AB1235", "A81234"),
        reading("AB1235", 0.4, "AB1234", "AB1236"),
        WORTH,
    )

    texts = [c.text for c in settled.candidates]
    shares = [c.confidence for c in settled.candidates]
    assert sorted(texts) == sorted(set(texts))
    assert shares == sorted(shares, reverse=True)


def test_a_second_reader_that_sees_nothing_changes_nothing():
    first = reading("AB1234", 0.5)

    assert combine(first, NOTHING, WORTH) is first


SHARES = st.floats(0.01, 0.99)
LINES = st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-3, 3))
WORTHS = st.builds(Agreement, agreed=LINES, differed=LINES)


@given(SHARES, SHARES, WORTHS)
def test_whatever_was_fitted_agreement_never_lowers_a_confidence(one, other, worth):
    settled = combine(reading("AB1234", one), reading("AB1234", other), worth)

    assert settled.confidence >= max(one, other)


@given(SHARES, SHARES, WORTHS)
def test_whatever_was_fitted_a_difference_never_raises_one(one, other, worth):
    settled = combine(reading("AB1234", one), reading("A81234", other), worth)

    assert settled.confidence <= one
    assert sum(c.confidence for c in settled.candidates) <= 1.0 + 1e-9


@given(SHARES, SHARES)
def test_the_characters_multiply_to_the_whole(one, other):
    settled = combine(reading("AB1234", one), reading("AB1234", other), WORTH)

    assert math.prod(settled.character_confidences) == pytest.approx(settled.confidence, rel=1e-3)
