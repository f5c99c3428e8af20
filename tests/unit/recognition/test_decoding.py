"""Decodes logits made by hand to marks with candidates and a confidence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition import marks
from hkplates.recognition.reading.decoding import Decoder
from hkplates.recognition.reading.head_scores import HeadLogits

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPRSTUVWXYZ"
BLANK = len(SYMBOLS)
DECODER = Decoder(
    symbols=SYMBOLS,
    slot_weight=0.5,
    prior={"personalised": -1.0, "unknown": -3.0},
    calibration=(0.5, 0.1, 0.3, 1.0, 1.0),
    tta_calibration=(0.5, 0.1, 0.3, 1.0, 1.0),
)
LIKELY = 12.0


def head_logits(slots_text: str, ctc_text: str, *, upper: int | None = None) -> HeadLogits:
    """Returns logits of two certain heads; each character of the CTC text is followed by blank."""
    slots = np.zeros((8, BLANK + 1))
    frames = np.zeros((80, BLANK + 1))
    for place in range(8):
        symbol = SYMBOLS.index(slots_text[place]) if place < len(slots_text) else BLANK
        slots[place, symbol] = LIKELY
    for frame in range(80):
        place = frame // 3 if frame % 3 == 1 else 80
        symbol = SYMBOLS.index(ctc_text[place]) if place < len(ctc_text) else BLANK
        frames[frame, symbol] = LIKELY
    lower = np.full(8, -5.0)
    if upper is not None:
        lower[upper:] = 5.0
    return HeadLogits(slots, lower, -5.0 if upper is None else 5.0, frames)


def add_alternative(logits: HeadLogits, place: int, character: str, by: float) -> None:
    """Gives both heads another character there, `by` nats less likely than the first."""
    symbol = SYMBOLS.index(character)
    logits.slots[place, symbol] = LIKELY - by
    logits.ctc_frames[3 * place + 1, symbol] = LIKELY - by


def test_a_text_on_which_both_heads_agree_is_read_with_confidence():
    reading = DECODER.decode([head_logits("AG5555", "AG5555")])
    assert reading.text == "AG5555"
    assert reading.confidence > 0.9
    assert reading.rows == 1
    assert len(reading.character_confidences) == 6
    assert min(reading.character_confidences) > 0.99


def test_heads_that_disagree_lower_the_confidence_and_both_texts_are_candidates():
    agreed = DECODER.decode([head_logits("AG5555", "AG5555")])
    split = DECODER.decode([head_logits("AG5555", "AG555")])
    assert split.confidence < agreed.confidence - 0.2
    assert {"AG5555", "AG555"} <= {candidate.text for candidate in split.candidates}


@pytest.mark.parametrize("text", ["BABYBABY", "LOVEBB", "AAAA", "GRRR8", "11111111"])
def test_repeated_characters_are_counted(text):
    assert DECODER.decode([head_logits(text, text)]).text.replace("I", "1") == text


def test_the_prior_decides_between_readings_that_are_as_likely():
    logits = head_logits("N06972", "N06972")
    add_alternative(logits, 1, "D", by=0.1)
    assert DECODER.decode([logits]).text == "ND6972"


def test_the_prior_does_not_hide_what_was_plainly_seen():
    logits = head_logits("N06972", "N06972")
    add_alternative(logits, 1, "D", by=6.0)
    assert DECODER.decode([logits]).text == "N06972"


def test_without_a_prior_the_likelier_reading_wins():
    logits = head_logits("N06972", "N06972")
    add_alternative(logits, 1, "D", by=0.1)
    plain = replace(DECODER, prior={})
    assert plain.decode([logits]).text == "N06972"


def test_a_mark_one_shape_away_from_a_usual_one_needs_to_be_seen_more_plainly():
    logits = head_logits("N06972", "N06972")
    add_alternative(logits, 1, "D", by=2.0)
    cautious = replace(DECODER, prior={**DECODER.prior, "nearly_usual": -1.5})
    assert DECODER.decode([logits]).text == "N06972"
    assert cautious.decode([logits]).text == "ND6972"


def test_a_mark_one_shape_off_is_penalised_more_than_one_several_off():
    logits = head_logits("B0SS12", "B0SS12")
    add_alternative(logits, 1, "D", by=2.0)
    add_alternative(logits, 2, "5", by=2.0)
    add_alternative(logits, 3, "5", by=2.0)
    cautious = replace(DECODER, prior={"personalised": -1.0, "one_shape_off": -5.0})
    assert cautious.decode([logits]).text == "B0SS12"

    logits = head_logits("N06972", "N06972")
    add_alternative(logits, 1, "D", by=5.0)
    assert cautious.decode([logits]).text == "ND6972"


def test_letters_i_and_o_are_kept_as_printed_on_personalised_marks():
    reading = DECODER.decode([head_logits("NARITA", "NARITA")])
    assert reading.text == "NARITA"
    assert marks.canonical(reading.text) == "NAR1TA"


def test_a_bar_in_a_number_is_a_one():
    assert DECODER.decode([head_logits("ABI2O4", "AB12O4")]).text == "AB1204"


def test_probability_of_a_letter_and_its_digit_is_that_of_one_mark():
    logits = head_logits("NARITA", "NARITA")
    add_alternative(logits, 3, "1", by=0.0)
    assert DECODER.decode([logits]).character_confidences[3] > 0.99


def test_rows_are_parted_by_a_blank():
    reading = DECODER.decode([head_logits("RJ9756", "RJ9756", upper=2)])
    assert (reading.text, reading.rows) == ("RJ 9756", 2)


def test_a_single_character_has_no_row_break():
    assert DECODER.decode([head_logits("4", "4", upper=0)]).text == "4"


def test_blank_everywhere_is_an_empty_text_without_confidence():
    reading = DECODER.decode([head_logits("", "")])
    assert (reading.text, reading.confidence, reading.candidates) == ("", 0.0, ())


def test_several_views_outvote_one():
    good, bad = head_logits("SD5555", "SD5555"), head_logits("ISD5555", "ISD5555")
    assert DECODER.decode([good, bad, good]).text == "SD5555"


def test_candidates_come_with_falling_probabilities_of_at_most_one_together():
    logits = head_logits("SD5555", "SD5555")
    add_alternative(logits, 0, "B", by=0.5)
    found = DECODER.decode([logits]).candidates
    confidences = [candidate.confidence for candidate in found]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) <= 1 + 1e-9


@given(st.text(marks.ALPHABET, min_size=1, max_size=8))
def test_any_mark_that_is_plain_to_see_is_read(mark):
    assert marks.canonical(DECODER.decode([head_logits(mark, mark)]).text) == mark
