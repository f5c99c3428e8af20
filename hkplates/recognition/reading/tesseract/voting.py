"""Combines Tesseract's readings of a plate's views by vote, with a calibrated confidence.

Each view votes for the mark it reads, with the probability of that reading. A mark that looks like
a usual one with look-alikes exchanged votes for that one too, with what is left of the probability
of the exchanged characters. Factors and confidence are fitted on plates that Tesseract was not
trained on (models/tesseract/calibrate.py).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hkplates.recognition import marks
from hkplates.recognition.calibration import sigmoid
from hkplates.recognition.reading.tesseract.bundle import VotingWeights
from hkplates.recognition.reading.tesseract.lines import Preprocessing
from hkplates.recognition.types import MAX_CANDIDATES, Candidate, TextReading

NO_ROW = "-"
"""The network's output for a line that is no row of a Hong Kong plate."""

PROBABILITY_FLOOR = 1e-4
"""Least probability of a character."""

UNREAD = TextReading("", 0.0, (), 1)
"""The reading of a crop in which no text was found."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A recognised character and its probability."""

    character: str
    probability: float


@dataclass(frozen=True, slots=True)
class ViewReading:
    """The reading of one view: its rows, top first."""

    rows: tuple[tuple[Symbol, ...], ...]
    preprocessing: Preprocessing
    squarish: bool

    @property
    def symbols(self) -> list[Symbol]:
        """Returns all characters, the upper row first."""
        return [symbol for row in self.rows for symbol in row]

    @property
    def mark(self) -> str:
        """Returns the canonical mark; "" where a row is none, or holds nothing or anything else."""
        mark = marks.canonical("".join(symbol.character for symbol in self.symbols))
        return mark if all(self.rows) and len(mark) == len(self.symbols) else ""

    @property
    def joint_probability(self) -> float:
        """Returns the probability that all characters are right, taken as independent."""
        return math.prod(max(PROBABILITY_FLOOR, symbol.probability) for symbol in self.symbols)


@dataclass(frozen=True, slots=True)
class TalliedMark:
    """A mark with its votes, its share of all votes, and the view that gave it the most.

    `agreeing_share` is the share of views that read this very mark, of those that read any.
    """

    mark: str
    share: float
    votes: float
    best_view: ViewReading
    agreeing_share: float


def vote(views: Sequence[ViewReading], weights: VotingWeights) -> TextReading:
    """Returns one reading of a plate; UNREAD where no view reads a mark."""
    tallied = tally_votes(views, weights)
    if not tallied:
        return UNREAD
    best = tallied[0]
    features = zip(voting_features(tallied), weights.calibration, strict=True)
    confidence = sigmoid(sum(value * weight for value, weight in features))
    texts = [_printed_text(one) for one in tallied]
    # The other marks share what the confidence leaves, by their votes; none gets more than it.
    left = (1 - confidence) / max(1e-9, 1 - best.share)
    shares = [confidence] + [min(confidence, left * other.share) for other in tallied[1:]]
    candidates = tuple(Candidate(t, s) for t, s in zip(texts, shares, strict=True))
    return TextReading(
        text=texts[0],
        confidence=confidence,
        character_confidences=_character_confidences(best, confidence),
        rows=_row_count(best.best_view),
        candidates=candidates[:MAX_CANDIDATES],
    )


def tally_votes(views: Sequence[ViewReading], weights: VotingWeights) -> list[TalliedMark]:
    """Adds up the votes of all views, and returns every mark that got one, the most votes first."""
    votes: dict[str, float] = defaultdict(float)
    voters: dict[str, list[tuple[float, ViewReading]]] = defaultdict(list)
    for view in views:
        for mark, weight in _view_votes(view, weights).items():
            if weight > 0:
                votes[mark] += weight
                voters[mark].append((weight, view))
    total = sum(votes.values())
    read = sum(1 for view in views if view.mark) or 1
    tallied = [
        TalliedMark(
            mark,
            weight / total,
            weight,
            max(voters[mark], key=lambda pair: pair[0])[1],
            sum(1 for _, view in voters[mark] if view.mark == mark) / read,
        )
        for mark, weight in votes.items()
    ]
    return sorted(tallied, key=lambda one: -one.share)


def voting_features(tallied: Sequence[TalliedMark]) -> tuple[float, ...]:
    """Returns what the confidence of the first mark is fitted on, (FEATURE_COUNT,).

    A constant, the log-odds of its best view's joint probability and of that view's least sure
    character (both a quarter of them), its share of the votes, the share of views that read it,
    and 1 for a mark of no numbered series.
    """
    best = tallied[0]
    joint = min(0.9999, best.best_view.joint_probability)
    weakest = min(0.9999, min(symbol.probability for symbol in best.best_view.symbols))
    return (
        1.0,
        math.log(joint / (1 - joint)) / 4,
        math.log(max(PROBABILITY_FLOOR, weakest) / (1 - max(PROBABILITY_FLOOR, weakest))) / 4,
        best.share,
        best.agreeing_share,
        float(marks.series(best.mark) in ("personalised", "unknown")),
    )


def _view_votes(view: ViewReading, weights: VotingWeights) -> Mapping[str, float]:
    """Returns the votes of one view by mark; empty where it reads none.

    The view's vote is its joint probability to the power of `sharpness`, times the factors of what
    applies to it.
    """
    mark = view.mark
    if not mark:
        return {}
    weight = view.joint_probability**weights.sharpness
    weight *= weights.clean if view.preprocessing == "clean" else 1.0
    weight *= weights.one_row if view.squarish and len(view.rows) == 1 else 1.0
    if marks.series(mark) not in ("personalised", "unknown"):
        return {mark: weight}
    votes = {mark: weight * weights.personalised}
    usual = marks.usual_spelling(mark)
    if usual and len(usual) == len(mark):
        # For each exchanged character, its probability in the product becomes what it leaves.
        for place in marks.differing_positions(mark, usual):
            probability = max(PROBABILITY_FLOOR, view.symbols[place].probability)
            odds_against = max(PROBABILITY_FLOOR, 1 - probability) / probability
            weight *= odds_against**weights.sharpness * weights.exchanged
        votes[usual] = weight
    return votes


def _character_confidences(best: TalliedMark, confidence: float) -> tuple[float, ...]:
    """Returns a probability for each character, whose product is the confidence.

    Their logarithms are in the proportions of the best view's. Views that agree make every
    character surer, and the whole is never surer than one of them.
    """
    pairs = zip(best.best_view.symbols, best.best_view.mark, best.mark, strict=True)
    in_view = [s.probability if read == meant else 1 - s.probability for s, read, meant in pairs]
    doubts = [-math.log(min(1 - PROBABILITY_FLOOR, max(PROBABILITY_FLOOR, p))) for p in in_view]
    return tuple(confidence ** (doubt / sum(doubts)) for doubt in doubts)


def _printed_text(tallied: TalliedMark) -> str:
    """Returns the text as printed, the rows parted by a blank.

    In every series but the personalised one, what looks like I or O is a digit.
    """
    view, mark = tallied.best_view, tallied.mark
    read = "".join(symbol.character for symbol in view.symbols)
    own_letters = mark == view.mark and marks.series(mark) in ("personalised", "unknown")
    text = read if own_letters else mark
    upper = len(view.rows[0])
    return f"{text[:upper]} {text[upper:]}" if len(view.rows) == 2 else text


def _row_count(view: ViewReading) -> Literal[1, 2]:
    return 2 if len(view.rows) == 2 else 1
