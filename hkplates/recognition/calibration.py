"""From what the networks say of a place to a probability: a straight line between log-odds."""

import math
from dataclasses import dataclass

LEAST = 1e-6  # warmths of 0 and 1 are taken for this far from them


@dataclass(frozen=True, slots=True)
class Certainty:
    """A logistic regression on the detector's warmth and the refiner's lead.

    Fitted on photographs held back; as it stands, warmth is the probability.
    """

    warmth: float = 1.0
    lead: float = 0.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        if self.warmth < 0 or self.lead < 0 or self.warmth + self.lead == 0:
            raise ValueError(f"expected weights of 0 and more, got {self.warmth} and {self.lead}")

    def probability(self, warmth: float, lead: float = 0.0) -> float:
        """How likely it is that something is what it was taken for.

        `warmth` (0 to 1) is the detector's, `lead` the log-odds that the refiner gives.
        """
        return share_of(self.warmth * log_odds(warmth) + self.lead * lead + self.shift)


def share_of(odds: float) -> float:
    """The way back from log-odds; of more than 50 either way it makes no difference."""
    return 1 / (1 + math.exp(-min(max(odds, -50.0), 50.0)))


def log_odds(share: float) -> float:
    """The logarithm of share / (1 - share), of a share not quite 0 or 1."""
    inside = min(max(share, LEAST), 1 - LEAST)
    return math.log(inside / (1 - inside))


Line = tuple[float, float, float]
"""Weights of a logistic regression: of two log-odds, and a shift."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a second opinion does to a confidence, fitted on plates that neither was trained on.

    Log-odds are those of the first reader and of the second (models/ensemble.py).
    """

    agreed: Line
    differed: Line

    def confidence(self, first: float, second: float, *, agree: bool) -> float:
        """How likely the first reading is right: no less than alone where they agree, else no more.

        Both are probabilities.
        """
        mine, others, shift = self.agreed if agree else self.differed
        told = share_of(mine * log_odds(first) + others * log_odds(second) + shift)
        return max(told, first, second) if agree else min(told, first)
