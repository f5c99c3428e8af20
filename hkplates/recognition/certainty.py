"""From a network's warmth to a probability, and back: a straight line between their log-odds."""

import math
from dataclasses import dataclass

LEAST = 1e-6  # warmths and probabilities of 0 and 1 are taken for this far from them


@dataclass(frozen=True, slots=True)
class Certainty:
    """`slope` and `shift` of the line, fitted on photographs held back; 1 and 0 change nothing."""

    slope: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"expected a slope above 0, got {self.slope}")

    def probability(self, warmth: float) -> float:
        """How likely it is that something of this warmth is what it was taken for."""
        return _share(self.slope * _odds(warmth) + self.shift)

    def warmth(self, probability: float) -> float:
        """The warmth of this probability: what a threshold means inside of the network."""
        return _share((_odds(probability) - self.shift) / self.slope)


def _odds(share: float) -> float:
    inside = min(max(share, LEAST), 1 - LEAST)
    return math.log(inside / (1 - inside))


def _share(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))
