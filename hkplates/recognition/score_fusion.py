"""Fuses detector score and reading into P(Hong Kong plate): what a plate says is evidence too.

A lamp or a shop sign that passes for a plate reads as nothing in particular, with a low confidence;
a far or dazzled plate with a low detector score may still say two letters and a number.
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
"""Detector score below which a detection without text is called no Hong Kong plate."""

MIN_READING_CONFIDENCE = 0.01
"""Confidence to which lower ones are raised: below it a reading is a guess, however unsure."""


@dataclass(frozen=True, slots=True)
class ScoreFusion:
    """A logistic regression on the detector's score and on what was read (models/score_fusion.py).

    `threshold` is the probability from which a detection with text is called a Hong Kong plate.
    With the default weights the score is the probability.
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
            raise ValueError(
                f"expected a score fusion that rises and a share as threshold, got {self}"
            )

    def is_hong_kong(self, score: float, reading: "TextReading") -> bool:
        """Checks that a detection is to be called a Hong Kong plate."""
        return self.probability(score, reading) >= (
            self.threshold if reading.text else UNREAD_THRESHOLD
        )

    def probability(self, score: float, reading: "TextReading") -> float:
        """Returns P(Hong Kong plate) of a detection; `score` (0 to 1) is the detector's.

        Without text it is the score itself: it may be a plate that nobody can read.
        """
        if not reading.text:
            return score
        # The weights stand in the order of `fusion_features`.
        weights = (self.score_weight, self.reading_weight, self.series_weight, self.bias)
        return sigmoid(
            sum(a * b for a, b in zip(weights, fusion_features(score, reading), strict=True))
        )


def fusion_features(score: float, reading: "TextReading") -> tuple[float, float, float, float]:
    """Returns the regression's features: log-odds of score and of reading, lettered series, 1.

    The series counts as far as the reading may be right.
    """
    series = marks.series(marks.canonical(reading.text))
    # Scaled by the confidence: the series of a misread text says nothing.
    lettered = reading.confidence if series in TWO_LETTER_SERIES else 0.0
    return logit(score), logit(max(reading.confidence, MIN_READING_CONFIDENCE)), lettered, 1.0
