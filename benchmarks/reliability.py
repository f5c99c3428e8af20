"""Compares the confidences of readings with the share that is right (reliability)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

BIN_EDGES = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 1.0)
THRESHOLDS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)
TARGET_PRECISION = 0.995  # of what is accepted without a person's look


@dataclass(frozen=True, slots=True)
class Judged:
    """One report of a Hong Kong plate: how sure it was, and whether all of it was right.

    `right` is false as well where no plate is, or one of another place.
    """

    confidence: float
    right: bool


def reliability_table(judged: Sequence[Judged]) -> str:
    """Reports of about one confidence, and how many are right: as many as it says, at best."""
    lines = [f"{'confidence':>14}{'reports':>9}{'mean':>8}{'right':>8}"]
    for low, high in pairwise(BIN_EDGES):
        last = high == BIN_EDGES[-1]
        mine = [j for j in judged if low <= j.confidence and (j.confidence < high or last)]
        if mine:
            mean = sum(j.confidence for j in mine) / len(mine)
            lines.append(f"{low:7.2f} - {high:4.2f}{len(mine):9d}{mean:8.3f}{_accuracy(mine):8.3f}")
    return "\n".join(lines)


def acceptance_table(judged: Sequence[Judged], asked: int) -> str:
    """The reports from a confidence on, and how many of them are right.

    `asked` is the number of plates that could have been read.
    """
    lines = [f"{'accepted from':>14}{'reports':>9}{'right':>8}{'of plates':>11}"]
    for least in THRESHOLDS:
        kept = [j for j in judged if j.confidence >= least]
        read = sum(j.right for j in kept)
        lines.append(f"{least:14.2f}{len(kept):9d}{_accuracy(kept):8.3f}{read:6d} / {asked}")
    least, count = min_trusted_confidence(judged)
    right = f"{TARGET_PRECISION:.1%}"
    lines.append(
        f"{right} right from a confidence of {least:.2f} on: {count} of {asked} plates"
        if count
        else f"No confidence from which on {right} are right."
    )
    return "\n".join(lines)


def min_trusted_confidence(judged: Sequence[Judged]) -> tuple[float, int]:
    """The least confidence from which on RIGHT_ENOUGH are right, and how many right ones it keeps.

    (1.0, 0) where there is none. Reports of equal confidence are accepted together.
    """
    best, right, seen = (1.0, 0), 0, 0
    ordered = sorted(judged, key=lambda j: -j.confidence)
    for place, one in enumerate(ordered):
        right, seen = right + one.right, seen + 1
        tied = place + 1 < len(ordered) and ordered[place + 1].confidence == one.confidence
        if not tied and right >= TARGET_PRECISION * seen:
            best = (one.confidence, right)
    return best


def _accuracy(judged: Sequence[Judged]) -> float:
    return sum(j.right for j in judged) / len(judged) if judged else 0.0
