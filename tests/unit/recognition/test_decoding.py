from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.recognition import marks
from hkplates.recognition.reading.decoding import Decoder
from hkplates.recognition.reading.head_scores import HeadLogits

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPRSTUVWXYZ"
NOTHING = len(SYMBOLS)
DECODER = Decoder(
    symbols=SYMBOLS,
    slot_weight=0.5,
    prior={"personalised": -1.0, "unknown": -3.0},
    calibration=(0.5, 0.1, 0.3, 1.0, 1.0),
    tta_calibration=(0.5, 0.1, 0.3, 1.0, 1.0),
)
SURE = 12.0


def sure_of(slots_text: str, steps_text: str, *, upper: int | None = None) -> HeadLogits:
    """Heads that are certain; each character of the steps is followed by nothing."""
    slots = np.zeros((8, NOTHING + 1))
    steps = np.zeros((80, NOTHING + 1))
    for place in range(8):
        symbol = SYMBOLS.index(slots_text[place]) if place < len(slots_text) else NOTHING
        slots[place, symbol] = SURE
    for step in range(80):
        place = step // 3 if step % 3 == 1 else 80
        symbol = SYMBOLS.index(steps_text[place]) if place < len(steps_text) else NOTHING
        steps[step, symbol] = SURE
    lower = np.full(8, -5.0)
    if upper is not None:
        lower[upper:] = 5.0
    return HeadLogits(slots, lower, -5.0 if upper is None else 5.0, steps)


def doubt(heads: HeadLogits, place: int, character: str, by: float) -> None:
    """Let both heads see another character there, `by` less likely than the first (in nats)."""
    symbol = SYMBOLS.index(character)
    heads.slots[place, symbol] = SURE - by
    heads.ctc_frames[3 * place + 1, symbol] = SURE - by


def test_what_both_heads_see_is_read_with_confidence():
    reading = DECODER.decode([sure_of("AG5555", "AG5555")])
    assert reading.text == "AG5555"
    assert reading.confidence > 0.9
    assert reading.rows == 1
    assert len(reading.character_confidences) == 6
    assert min(reading.character_confidences) > 0.99


def test_heads_that_disagree_are_doubted_and_both_are_candidates():
    agreed = DECODER.decode([sure_of("AG5555", "AG5555")])
    split = DECODER.decode([sure_of("AG5555", "AG555")])
    assert split.confidence < agreed.confidence - 0.2
    assert {"AG5555", "AG555"} <= {candidate.text for candidate in split.candidates}


@pytest.mark.parametrize("text", ["BABYBABY", "LOVEBB", "AAAA", "GRRR8", "11111111"])
def test_repeated_characters_are_counted(text):
    assert DECODER.decode([sure_of(text, text)]).text.replace("I", "1") == text


def test_the_prior_decides_between_readings_that_are_as_likely():
    heads = sure_of("N06972", "N06972")
    doubt(heads, 1, "D", by=0.1)
    assert DECODER.decode([heads]).text == "ND6972"


def test_the_prior_does_not_hide_what_was_plainly_seen():
    heads = sure_of("N06972", "N06972")
    doubt(heads, 1, "D", by=6.0)
    assert DECODER.decode([heads]).text == "N06972"


def test_without_a_prior_the_likelier_reading_wins():
    heads = sure_of("N06972", "N06972")
    doubt(heads, 1, "D", by=0.1)
    plain = replace(DECODER, prior={})
    assert plain.decode([heads]).text == "N06972"


def test_a_mark_one_shape_away_from_a_usual_one_needs_to_be_seen_more_plainly():
    heads = sure_of("N06972", "N06972")
    doubt(heads, 1, "D", by=2.0)
    wary = replace(DECODER, prior={**DECODER.prior, "nearly_usual": -1.5})
    assert DECODER.decode([heads]).text == "N06972"
    assert wary.decode([heads]).text == "ND6972"


def test_a_mark_one_shape_off_is_doubted_more_than_one_several_off():
    heads = sure_of("B0SS12", "B0SS12")
    doubt(heads, 1, "D", by=2.0)
    doubt(heads, 2, "5", by=2.0)
    doubt(heads, 3, "5", by=2.0)
    wary = replace(DECODER, prior={"personalised": -1.0, "one_shape_off": -5.0})
    assert wary.decode([heads]).text == "B0SS12"

    heads = sure_of("N06972", "N06972")
    doubt(heads, 1, "D", by=5.0)
    assert wary.decode([heads]).text == "ND6972"


def test_letters_i_and_o_are_kept_as_printed_on_personalised_marks():
    reading = DECODER.decode([sure_of("NARITA", "NARITA")])
    assert reading.text == "NARITA"
    assert marks.canonical(reading.text) == "NAR1TA"


def test_a_bar_in_a_number_is_a_one():
    assert DECODER.decode([sure_of("ABI2O4", "AB12O4")]).text == "AB1204"


def test_probability_of_a_letter_and_its_digit_is_that_of_one_mark():
    heads = sure_of("NARITA", "NARITA")
    doubt(heads, 3, "1", by=0.0)
    assert DECODER.decode([heads]).character_confidences[3] > 0.99


def test_rows_are_parted_by_a_blank():
    reading = DECODER.decode([sure_of("RJ9756", "RJ9756", upper=2)])
    assert (reading.text, reading.rows) == ("RJ 9756", 2)


def test_a_single_character_is_not_parted():
    assert DECODER.decode([sure_of("4", "4", upper=0)]).text == "4"


def test_nothing_printed_is_an_empty_text_without_confidence():
    reading = DECODER.decode([sure_of("", "")])
    assert (reading.text, reading.confidence, reading.candidates) == ("", 0.0, ())


def test_several_views_outvote_one():
    good, bad = sure_of("SD5555", "SD5555"), sure_of("ISD5555", "ISD5555")
    assert DECODER.decode([good, bad, good]).text == "SD5555"


def test_candidates_come_with_falling_probabilities_of_at_most_one_together():
    heads = sure_of("SD5555", "SD5555")
    doubt(heads, 0, "B", by=0.5)
    found = DECODER.decode([heads]).candidates
    confidences = [candidate.confidence for candidate in found]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) <= 1 + 1e-9


@given(st.text(marks.ALPHABET, min_size=1, max_size=8))
def test_any_mark_that_is_plain_to_see_is_read(mark):
    assert marks.canonical(DECODER.decode([sure_of(mark, mark)]).text) == mark
