"""What is fitted for a second reader: the ensemble's calibration, PP-OCR's prior and confidence."""

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.reading.ppocr.decoding import confidence_features, line_candidates, rank
from hkplates.recognition.reading.ppocr.folding import LineFrames
from hkplates.recognition.types import TextReading
from models.ensemble import ReadingPair, fit_agreement
from models.ppocr.calibrate import Example, accuracy, fit


def pair(neural: str, second: str, mark: str) -> ReadingPair:
    """Returns a plate that the neural reader read with 0.6 and the second one with 0.9."""
    return ReadingPair(
        TextReading(neural, 0.6, (0.9,), 1), TextReading(second, 0.9, (0.9,), 1), mark
    )


AGREED = [pair("AB1234", "AB1234", "AB1234")] * 30
SECOND_RIGHT = [pair("AB1284", "AB1234", "AB1234")] * 18
FIRST_RIGHT = [pair("AB1234", "AB1284", "AB1234")] * 12


def test_agreement_and_difference_are_worth_what_they_were_on_the_plates() -> None:
    fitted = fit_agreement([*AGREED, *SECOND_RIGHT, *FIRST_RIGHT], follow=True)

    assert fitted.confidence(0.6, 0.9, agree=True) > 0.9
    assert abs(fitted.confidence(0.6, 0.9, agree=False) - 12 / 30) < 0.1
    assert abs(fitted.second_confidence(0.6, 0.9) - 18 / 30) < 0.1


def test_a_second_reader_that_is_not_to_be_followed_never_is() -> None:
    assert fit_agreement([*AGREED, *SECOND_RIGHT], follow=False).second_confidence(0.6, 0.9) == 0.0


def example(text: str, mark: str, *, sure: float) -> Example:
    """Returns a plate of this mark on which a line says `text`, each character `sure`."""
    frames = np.full((len(text), len(marks.ALPHABET) + 1), 1e-6)
    for place, character in enumerate(text):
        frames[place, marks.ALPHABET.index(character)] = sure
        frames[place, -1] = 1 - sure
    no_letters = {letter: np.zeros(len(text), bool) for letter in "IO"}
    line = LineFrames(frames, no_letters, None, squarish=False)
    return Example(line_candidates([line]), mark, 1.0)


def test_the_prior_is_the_one_that_reads_most_and_the_confidence_parts_right_from_wrong() -> None:
    right = [example(mark, mark, sure=0.99) for mark in ("AB1234", "CD56", "EF789", "GH12")]
    wrong = [example("AB1284", "AB1234", sure=0.7), example("CD66", "CD56", sure=0.7)]
    examples = [*right, *wrong]
    weights = fit(examples)

    assert accuracy(examples, weights) == 4 / 6
    calibration = np.array(weights.calibration)
    log_odds = [
        float(confidence_features(rank(one.candidates, weights)) @ calibration) for one in examples
    ]
    assert min(log_odds[:4]) > max(log_odds[4:])
