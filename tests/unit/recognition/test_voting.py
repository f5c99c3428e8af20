"""Combines Tesseract's readings of a plate's views by vote."""

import math
from dataclasses import replace

import pytest

from hkplates.recognition.reading.tesseract.voting import (
    NO_ROW,
    UNREAD,
    Symbol,
    ViewReading,
    VotingWeights,
    tally_votes,
    vote,
    voting_features,
)

WEIGHTS = VotingWeights(
    sharpness=1.0,
    clean=0.5,
    one_row=0.1,
    personalised=0.2,
    exchanged=1.0,
    calibration=(0.0, 1.0, 0.0, 1.0, 1.0, -1.0),
)


def view(*rows: str, sure: float = 0.99, unsure: dict[int, float] | None = None,
          preprocessing: str = "plain", squarish: bool = False) -> ViewReading:  # fmt: skip
    """Returns a view in which `rows` were read; `unsure` has other probabilities, by place."""
    place = iter(range(99))
    symbols = tuple(
        tuple(Symbol(c, (unsure or {}).get(next(place), sure)) for c in row) for row in rows
    )
    return ViewReading(symbols, preprocessing, squarish)  # type: ignore[arg-type]


def test_the_mark_with_most_votes_is_read() -> None:
    reading = vote([view("AB123"), view("AB128"), view("AB123")], WEIGHTS)
    assert reading.text == "AB123"
    assert [candidate.text for candidate in reading.candidates] == ["AB123", "AB128"]
    assert reading.candidates[0].confidence == reading.confidence


def test_a_sure_view_outvotes_two_unsure_ones() -> None:
    reading = vote([view("AB123"), view("AB128", sure=0.7), view("AB128", sure=0.7)], WEIGHTS)
    assert reading.text == "AB123"


def test_the_rows_of_a_plate_are_parted_by_a_blank() -> None:
    reading = vote([view("SM", "188", squarish=True)], WEIGHTS)
    assert (reading.text, reading.rows) == ("SM 188", 2)
    assert len(reading.character_confidences) == 5


def test_one_row_on_a_plate_for_two_has_to_be_seen_more_plainly() -> None:
    views = [view("188", squarish=True), view("SM", "188", squarish=True)]
    assert vote(views, WEIGHTS).text == "SM 188"


@pytest.mark.parametrize("rows", [(NO_ROW,), ("SM", NO_ROW), ("", "188"), ()], ids=str)
def test_a_view_with_a_line_that_is_no_row_has_no_vote(rows: tuple[str, ...]) -> None:
    assert vote([view(*rows)], WEIGHTS) == UNREAD


def test_no_views_are_no_reading() -> None:
    assert vote([], WEIGHTS) == UNREAD


def test_letters_are_kept_as_printed_on_personalised_plates_alone() -> None:
    assert vote([view("NARITA")], WEIGHTS).text == "NARITA"
    assert vote([view("AB1O3")], WEIGHTS).text == "AB103"


def test_a_like_shape_in_a_usual_mark_is_mended_where_it_was_unsure() -> None:
    assert vote([view("N06972", unsure={1: 0.6})], WEIGHTS).text == "ND6972"
    assert vote([view("N06972", unsure={1: 0.999})], WEIGHTS).text == "N06972"


def test_no_character_is_less_sure_than_the_whole_and_the_unsure_one_is_told() -> None:
    reading = vote([view("AB123", unsure={2: 0.7})], WEIGHTS)
    assert math.prod(reading.character_confidences) == pytest.approx(reading.confidence)
    assert min(reading.character_confidences) == reading.character_confidences[2]


def test_an_exchanged_character_is_the_doubtful_one() -> None:
    reading = vote([view("N06972", unsure={1: 0.6})], WEIGHTS)
    assert min(reading.character_confidences) == reading.character_confidences[1]


def test_more_agreement_is_more_confidence() -> None:
    agreed = vote([view("AB123"), view("AB123")], WEIGHTS)
    disputed = vote([view("AB123"), view("AB128", sure=0.9)], WEIGHTS)
    assert agreed.text == disputed.text == "AB123"
    assert agreed.confidence > disputed.confidence


def test_candidates_are_never_surer_than_the_reading() -> None:
    reading = vote([view("AB123", sure=0.4), view("AB128", sure=0.39)], WEIGHTS)
    assert all(other.confidence <= reading.confidence for other in reading.candidates)


def test_features_are_finite_however_sure_or_unsure() -> None:
    for probability in (0.0, 1.0):
        tallied = tally_votes([view("AB123", sure=probability)], WEIGHTS)
        assert all(abs(number) < 100 for number in voting_features(tallied))


def test_views_of_no_weight_have_no_vote() -> None:
    blind = replace(WEIGHTS, clean=0.0)
    assert vote([view("AB123", preprocessing="clean")], blind) == UNREAD
    assert vote([view("AB123", preprocessing="clean"), view("AB128")], blind).text == "AB128"
