"""Combines two readers of one plate: the second is asked where the first is unsure."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition.calibration import AgreementCalibration
from hkplates.recognition.reading.ensemble import SECOND_READER_BELOW, EnsembleReader, combine
from hkplates.recognition.types import Candidate, TextReading

CALIBRATION = AgreementCalibration(agreed=(1.0, 0.5, 1.0), differed=(1.0, -0.5, -0.5))
CROPS = [np.full((90, 300, 3), shade, np.uint8) for shade in range(3)]


def reading(text, confidence, *others):
    candidates = (Candidate(text, confidence), *(Candidate(o, 0.1) for o in others))
    return TextReading(text, confidence, (confidence,) * len(text), 1, candidates)


class FakeReader:
    """Returns a fixed reading for each shade of crop, and records the shades it was asked for."""

    name = "fake"

    def __init__(self, version, *readings):
        self.version, self._readings, self.asked = version, readings, []

    def read(self, crops):
        shades = [int(crop[0, 0, 0]) for crop in crops]
        self.asked += shades
        return [self._readings[shade] for shade in shades]


EMPTY = TextReading("", 0.0, (), 1)


def test_the_second_is_asked_only_where_the_first_reads_a_text_and_is_unsure():
    first = FakeReader("a", reading("AB1234", SECOND_READER_BELOW), reading("CD56", 0.5), EMPTY)
    second = FakeReader("b", EMPTY, reading("CD56", 0.6), reading("EF7", 0.9))

    readings = EnsembleReader(first, second, CALIBRATION).read(CROPS)

    assert second.asked == [1]
    assert [r.text for r in readings] == ["AB1234", "CD56", ""]


def test_nobody_is_asked_where_there_is_hardly_a_plate():
    first = FakeReader("a", reading("AB1234", 0.01), reading("CD56", 0.03), EMPTY)
    second = FakeReader("b", EMPTY, reading("CD56", 0.6), EMPTY)

    assert EnsembleReader(first, second, CALIBRATION).read(CROPS)[0].confidence == 0.01
    assert second.asked == [1]


def test_the_version_names_both_versions():
    assert EnsembleReader(
        FakeReader("neural a1"), FakeReader("tesseract b2"), CALIBRATION
    ).version == ("both neural a1 tesseract b2")


def test_agreement_raises_the_confidence_above_either_alone():
    agreed = combine(reading("AB1234", 0.6), reading("AB1234", 0.6), CALIBRATION)

    assert agreed.text == "AB1234"
    assert agreed.confidence > 0.7
    assert agreed.candidates[0] == Candidate("AB1234", agreed.confidence)


def test_i_and_1_are_no_difference():
    assert combine(reading("NARITA", 0.6), reading("NAR1TA", 0.6), CALIBRATION).confidence > 0.7


@pytest.mark.parametrize(("first", "second"), [(0.7, 0.4), (0.4, 0.7)])
def test_where_they_differ_the_first_stays_with_a_lower_confidence(first, second):
    combined = combine(reading("AB1234", first), reading("A81234", second), CALIBRATION)

    assert combined.text == "AB1234"
    assert combined.confidence < first
    assert {c.text for c in combined.candidates} == {"AB1234", "A81234"}


FOLLOWING = dataclasses.replace(CALIBRATION, followed=(-0.5, 1.0, -0.5))


def test_the_second_is_followed_where_it_is_likelier_to_be_right():
    combined = combine(reading("AB1234", 0.4), reading("A8 1234", 0.9), FOLLOWING)

    assert combined.text == "A8 1234"
    assert 0.4 < combined.confidence <= 0.9
    assert [c.text for c in combined.candidates] == ["A8 1234", "AB1234"]
    assert math.prod(combined.character_confidences) == pytest.approx(combined.confidence, rel=1e-3)


@pytest.mark.parametrize("calibration", [CALIBRATION, FOLLOWING], ids=["never", "not here"])
def test_the_first_stays_where_the_second_is_never_followed_or_less_likely(calibration):
    second = 0.9 if calibration is CALIBRATION else 0.3
    assert combine(reading("AB1234", 0.4), reading("A81234", second), calibration).text == "AB1234"


def test_candidates_come_once_and_fall():
    combined = combine(
        reading("AB1234", 0.5, "AB1235", "A81234"),
        reading("AB1235", 0.4, "AB1234", "AB1236"),
        CALIBRATION,
    )

    texts = [c.text for c in combined.candidates]
    shares = [c.confidence for c in combined.candidates]
    assert sorted(texts) == sorted(set(texts))
    assert shares == sorted(shares, reverse=True)


def test_an_empty_second_reading_changes_nothing():
    first = reading("AB1234", 0.5)

    assert combine(first, EMPTY, CALIBRATION) is first


PROBABILITIES = st.floats(0.01, 0.99)
WEIGHTS = st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.floats(-3, 3))
CALIBRATIONS = st.builds(
    AgreementCalibration, agreed=WEIGHTS, differed=WEIGHTS, followed=st.none() | WEIGHTS
)


@given(PROBABILITIES, PROBABILITIES, CALIBRATIONS)
def test_whatever_was_fitted_agreement_never_lowers_a_confidence(one, other, calibration):
    combined = combine(reading("AB1234", one), reading("AB1234", other), calibration)

    assert combined.confidence >= max(one, other)


@given(PROBABILITIES, PROBABILITIES, CALIBRATIONS)
def test_whatever_was_fitted_a_difference_never_raises_one(one, other, calibration):
    combined = combine(reading("AB1234", one), reading("A81234", other), calibration)

    assert combined.confidence <= (one if combined.text == "AB1234" else other)
    assert sum(c.confidence for c in combined.candidates) <= 1.0 + 1e-9


@given(PROBABILITIES, PROBABILITIES)
def test_the_characters_multiply_to_the_whole(one, other):
    combined = combine(reading("AB1234", one), reading("AB1234", other), CALIBRATION)

    assert math.prod(combined.character_confidences) == pytest.approx(combined.confidence, rel=1e-3)
