"""Folds PP-OCR's 18,710 classes into the characters of registration marks."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hkplates.recognition import marks
from hkplates.recognition.reading.ctc import Floats
from hkplates.recognition.reading.head_scores import LETTER_OF_DIGIT, PROBABILITY_FLOOR

_BLANK = len(marks.ALPHABET)


@dataclass(frozen=True, slots=True, eq=False)
class LineFrames:
    """What the network sees along one line.

    `frames` (frames, marks.ALPHABET + 1) are probabilities, I counted as 1 and O as 0; the last
    class is blank. `is_letter` has for I and O whether the letter is likelier than its digit in
    each frame, (frames,). `lower_from` and `squarish` are the line's (`lines.TextLine`).
    """

    frames: Floats
    is_letter: Mapping[str, npt.NDArray[np.bool_]]
    lower_from: float | None
    squarish: bool


class ClassFolding:
    """Sums the probabilities of classes that are one character of a mark.

    Those are both cases, wide and accented forms (a screw over an A makes it A with an acute), I
    and 1, O and 0, and Q, which no mark has, as 0. All else (words of other scripts, dots, blanks
    between groups) is no character: it counts as CTC's blank.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        """Takes the network's characters, of class 1 and on; class 0 is blank."""
        folded = [_fold(character) for character in characters]
        self._classes = np.array([i + 1 for i, text in enumerate(folded) if text])
        self._folding = np.zeros((len(self._classes), _BLANK))
        for row, one in enumerate(self._classes):
            self._folding[row, marks.ALPHABET.index(folded[one - 1])] = 1
        self._class_of = {
            c: characters.index(c) + 1 for pair in marks.PRINTED_SUBSTITUTES for c in pair
        }

    def fold(
        self, classes: npt.NDArray[np.float32], lower_from: float | None, squarish: bool
    ) -> LineFrames:
        """Folds the probabilities of all classes, (frames, classes)."""
        known = classes[:, self._classes].astype(np.float64) @ self._folding
        blank = 1 - known.sum(axis=1, keepdims=True)
        frames = np.maximum(np.concatenate([known, blank], axis=1), PROBABILITY_FLOOR)
        is_letter = {
            letter: classes[:, self._class_of[letter]] > classes[:, self._class_of[digit]]
            for digit, letter in LETTER_OF_DIGIT.items()
        }
        return LineFrames(frames, is_letter, lower_from, squarish)


def _fold(character: str) -> str:
    """Returns the mark's character that is meant, "" for none."""
    plain = unicodedata.normalize("NFKD", character)
    if not all(unicodedata.combining(accent) for accent in plain[1:]):
        return ""
    mark = marks.canonical(plain[0]).replace("Q", "0")
    return mark if len(mark) == 1 and mark in marks.ALPHABET else ""
