"""Computes the score of docs/sql.md in Python, for one mark and one reading."""

import math
from collections.abc import Mapping

from support.seeded_readings import DETECTOR_SCORE, Reading

UNLISTED_SUBSTITUTION = 0.002
UNLISTED_LOSS = 0.0005
MIN_PAIR_SUBSTITUTION = 0.03
Confusions = Mapping[tuple[str, str], float]
"""Probabilities by (what was read, what it was)."""


def score(mark: str, reading: Reading, confusions: Confusions) -> float:
    """Returns the probability that the reading is of the mark; 0 where it is too far off."""
    if reading.mark == mark:
        return reading.confidence
    if not reading.mark:
        return 0.0
    substitutions_and_indels = [
        substitution_score(mark, reading, confusions),
        *indel_scores(mark, reading, confusions),
    ]
    if not any(substitutions_and_indels):
        return 0.0  # not a candidate: never read by the search
    candidates = [confidence for text, confidence in reading.candidates if text == mark]
    wrong = DETECTOR_SCORE - reading.confidence
    ways = [*substitutions_and_indels, DETECTOR_SCORE * max(candidates, default=0.0)]
    return min(reading.confidence, wrong, max(ways))


def substitution_score(mark: str, reading: Reading, confusions: Confusions) -> float:
    """Scores one character read as any other, or two as confusable ones."""
    if len(mark) != len(reading.mark):
        return 0.0
    wrong = [
        place for place, pair in enumerate(zip(mark, reading.mark, strict=True)) if len({*pair}) > 1
    ]
    shares = [confusions.get((reading.mark[at], mark[at]), UNLISTED_SUBSTITUTION) for at in wrong]
    if len(wrong) > 2 or (len(wrong) == 2 and min(shares) < MIN_PAIR_SUBSTITUTION):
        return 0.0
    return math.prod(shares) * probability(reading, wrong)


def indel_scores(mark: str, reading: Reading, confusions: Confusions) -> list[float]:
    """Scores one character more or less in the reading, wherever it was added or lost."""
    found = []
    for at in range(len(reading.mark)):
        if reading.mark[:at] + reading.mark[at + 1 :] == mark:
            share = confusions.get((reading.mark[at], ""), UNLISTED_SUBSTITUTION)
            found.append(share * probability(reading, [at]))
    last = len(mark) - 1
    for at in range(len(mark)):
        if mark[:at] + mark[at + 1 :] == reading.mark:
            place = 0.4 if at == last else 0.15 if at == 0 else 0.45 / (last - 1)
            wrong = DETECTOR_SCORE - reading.confidence
            found.append(confusions.get(("", mark[at]), UNLISTED_LOSS) * place * wrong)
    return found


def probability(reading: Reading, wrong: list[int]) -> float:
    """Returns P(a plate is there, the characters at `wrong` are wrong and all others right)."""
    shares = reading.character_probabilities
    return DETECTOR_SCORE * math.prod(
        max(1e-6, 1 - share if at in wrong else share) for at, share in enumerate(shares)
    )
