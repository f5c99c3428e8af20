"""Whether what was found is a Hong Kong plate, once it is read: what it says is evidence too.

A lamp or a shop sign that passes for a plate reads as nothing in particular, with a low confidence;
a far or dazzled plate that the detector doubts may still say two letters and a number.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hkplates.recognition import marks
from hkplates.recognition.calibration import logit, sigmoid

if TYPE_CHECKING:  # bundles are opened where no array is needed
    from hkplates.recognition.types import TextReading

TWO_LETTER_SERIES = frozenset({"usual", "government", "legislative", "zg", "vip", "cross_boundary"})
"""Series of two letters and up to four digits, which few other countries' marks look like."""

UNREAD_THRESHOLD = 0.5
"""Below this score what shows no text is rather no Hong Kong plate."""

MIN_READING_CONFIDENCE = 0.01
"""Confidence of a reading below which it makes no difference how unsure it is."""


@dataclass(frozen=True, slots=True)
class ScoreFusion:
    """A logistic regression on the detector's score and on what was read (models/score_fusion.py).

    `threshold` is the probability from which what is read is called a Hong Kong plate. As it
    stands the score is the probability.
    """

    score_weight: float = 1.0
    reading_weight: float = 0.0
    series_weight: float = 0.0
    bias: float = 0.0
    threshold: float = UNREAD_THRESHOLD

    def __post_init__(self) -> None:
        rising = self.score_weight >= 0 and self.reading_weight >= 0
        if not (
            rising and math.isfinite(self.series_weight + self.bias) and 0 <= self.threshold <= 1
        ):
            raise ValueError(f"expected a belief that rises and a share as threshold, got {self}")

    def is_hong_kong(self, score: float, reading: "TextReading") -> bool:
        """Whether a find is called a Hong Kong plate."""
        return self.probability(score, reading) >= (
            self.threshold if reading.text else UNREAD_THRESHOLD
        )

    def probability(self, score: float, reading: "TextReading") -> float:
        """How likely it is that a find is a Hong Kong plate; `score` (0 to 1) is the detector's.

        Of what shows no text the score says all: it may be a plate that nobody can read.
        """
        if not reading.text:
            return score
        factors = (self.score_weight, self.reading_weight, self.series_weight, self.bias)
        return sigmoid(
            sum(a * b for a, b in zip(factors, fusion_features(score, reading), strict=True))
        )


def fusion_features(score: float, reading: "TextReading") -> tuple[float, float, float, float]:
    """What a belief weighs: log-odds of the score and of the reading, a lettered series, and 1.

    The series counts as far as the reading may be right.
    """
    series = marks.series(marks.canonical(reading.text))
    lettered = reading.confidence if series in TWO_LETTER_SERIES else 0.0
    return logit(score), logit(max(reading.confidence, MIN_READING_CONFIDENCE)), lettered, 1.0
