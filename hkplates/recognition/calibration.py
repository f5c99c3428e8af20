"""Calibrates scores to probabilities by Platt scaling: a straight line between log-odds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PROBABILITY_EPSILON = 1e-6  # scores of 0 and 1 are taken for this far from them


@dataclass(frozen=True, slots=True)
class ScoreCalibration:
    """A logistic regression on the detector's heat-map score and the refiner's logit.

    Fitted on photographs held back; with the default weights the heat-map score is the probability.
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
        """Returns the probability that a proposal is of the class it was given.

        `heatmap_score` (0 to 1) is the detector's, `refiner_logit` the refiner's log-odds.
        """
        # Platt scaling of both: weights of 0 and more keep the probability rising with each.
        return sigmoid(
            self.heatmap_weight * logit(heatmap_score)
            + self.refiner_weight * refiner_logit
            + self.bias
        )


def sigmoid(value: float) -> float:
    """Returns the probability of log-odds; beyond 50 either way it makes no difference."""
    return 1 / (1 + math.exp(-min(max(value, -50.0), 50.0)))


def logit(share: float) -> float:
    """Returns the log-odds log(share / (1 - share)), of a share not quite 0 or 1."""
    inside = min(max(share, PROBABILITY_EPSILON), 1 - PROBABILITY_EPSILON)
    return math.log(inside / (1 - inside))


def scale_to_product(characters: Sequence[float], confidence: float) -> tuple[float, ...]:
    """Raises all probabilities to the one power that makes `confidence` their product.

    The least sure characters stay the least sure.
    """
    logs = [math.log(min(max(one, 1e-6), 1 - 1e-6)) for one in characters]
    power = math.log(max(confidence, 1e-6)) / sum(logs) if logs else 1.0
    return tuple(math.exp(one * power) for one in logs)


LogisticWeights = tuple[float, float, float]
"""Weights of a logistic regression: of two log-odds, and a bias."""


@dataclass(frozen=True, slots=True)
class AgreementCalibration:
    """A calibration of two readers that agree or differ, fitted on plates new to both.

    Log-odds are those of the first reader and of the second (models/ensemble.py). `followed` is for
    the second one being right where they differ; None for one that is never followed.
    """

    agreed: LogisticWeights
    differed: LogisticWeights
    followed: LogisticWeights | None = None

    def confidence(self, first: float, second: float, *, agree: bool) -> float:
        """Returns the probability that the first reading is right; arguments are probabilities.

        It is no less than either alone where they agree, and no more than the first's where they
        differ.
        """
        fitted = _fitted(self.agreed if agree else self.differed, first, second)
        # Agreement never lowers a confidence, and disagreement never raises one.
        return max(fitted, first, second) if agree else min(fitted, first)

    def second_confidence(self, first: float, second: float) -> float:
        """Returns the probability that the second reading is right where they differ.

        It is no more than the second's alone, and 0 for a reader that is never followed.
        """
        if self.followed is None:
            return 0.0
        return min(_fitted(self.followed, first, second), second)


def _fitted(weights: LogisticWeights, first: float, second: float) -> float:
    first_weight, second_weight, bias = weights
    return sigmoid(first_weight * logit(first) + second_weight * logit(second) + bias)
