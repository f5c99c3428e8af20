"""From what the networks say of a place to a probability: a straight line between log-odds."""

import math
from dataclasses import dataclass

PROBABILITY_EPSILON = 1e-6  # warmths of 0 and 1 are taken for this far from them


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """A logistic regression on the detector's warmth and the refiner's lead.

    Fitted on photographs held back; as it stands, warmth is the probability.
    """

    heatmap_weight: float = 1.0
    refiner_weight: float = 0.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        if (
            self.heatmap_weight < 0
            or self.refiner_weight < 0
            or self.heatmap_weight + self.refiner_weight == 0
        ):
            weights = f"{self.heatmap_weight} and {self.refiner_weight}"
            raise ValueError(f"expected weights of 0 and more, got {weights}")

    def probability(self, heatmap_score: float, refiner_logit: float = 0.0) -> float:
        """How likely it is that something is what it was taken for.

        `warmth` (0 to 1) is the detector's, `lead` the log-odds that the refiner gives.
        """
        return sigmoid(
            self.heatmap_weight * logit(heatmap_score)
            + self.refiner_weight * refiner_logit
            + self.bias
        )


def sigmoid(value: float) -> float:
    """The way back from log-odds; of more than 50 either way it makes no difference."""
    return 1 / (1 + math.exp(-min(max(value, -50.0), 50.0)))


def logit(share: float) -> float:
    """The logarithm of share / (1 - share), of a share not quite 0 or 1."""
    inside = min(max(share, PROBABILITY_EPSILON), 1 - PROBABILITY_EPSILON)
    return math.log(inside / (1 - inside))


LogisticWeights = tuple[float, float, float]
"""Weights of a logistic regression: of two log-odds, and a shift."""


@dataclass(frozen=True, slots=True)
class AgreementCalibration:
    """What a second opinion does to a confidence, fitted on plates that neither was trained on.

    Log-odds are those of the first reader and of the second (models/ensemble.py).
    """

    agreed: LogisticWeights
    differed: LogisticWeights

    def confidence(self, first: float, second: float, *, agree: bool) -> float:
        """How likely the first reading is right: no less than alone where they agree, else no more.

        Both are probabilities.
        """
        mine, others, shift = self.agreed if agree else self.differed
        told = sigmoid(mine * logit(first) + others * logit(second) + shift)
        return max(told, first, second) if agree else min(told, first)
