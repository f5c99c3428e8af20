"""From what Tesseract read in each view of a plate to one reading, with an honest confidence.

Each view votes for what it shows, with the probability of its reading. What looks like a usual
mark with a like shape mixed up votes for that mark too, with what is left of the probability of
the characters that were exchanged. Factors and confidence are fitted on plates that Tesseract was
not trained on (models/tesseract/calibrate.py).
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hkplates.recognition import marks
from hkplates.recognition.calibration import share_of
from hkplates.recognition.reading.tesseract.bundle import VotingWeights
from hkplates.recognition.reading.tesseract.lines import Preprocessing
from hkplates.recognition.types import Candidate, TextReading

NO_ROW = "-"
"""What the network says of a line that is no row of a Hong Kong plate."""

PROBABILITY_FLOOR = 1e-4
"""No character is less likely than this."""

UNREAD = TextReading("", 0.0, (), 1)
"""What is said of a crop in which no text was found."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A character that was read, and its probability."""

    character: str
    probability: float


@dataclass(frozen=True, slots=True)
class ViewReading:
    """What was read in one view: its rows, top first."""

    rows: tuple[tuple[Symbol, ...], ...]
    preprocessing: Preprocessing
    squarish: bool

    @property
    def symbols(self) -> list[Symbol]:
        """All characters, the upper row first."""
        return [symbol for row in self.rows for symbol in row]

    @property
    def mark(self) -> str:
        """In the registry's form; empty where a row is none, or holds nothing or anything else."""
        mark = marks.canonical("".join(symbol.character for symbol in self.symbols))
        return mark if all(self.rows) and len(mark) == len(self.symbols) else ""

    @property
    def joint_probability(self) -> float:
        """The probability that all characters are right, if each is by itself."""
        return math.prod(max(PROBABILITY_FLOOR, symbol.probability) for symbol in self.symbols)


@dataclass(frozen=True, slots=True)
class TalliedMark:
    """A mark, its share of all votes, and the surest sight that it was read in."""

    mark: str
    share: float
    votes: float
    best_view: ViewReading
    agreeing_share: float


def vote(views: Sequence[ViewReading], weights: VotingWeights) -> TextReading:
    """One reading of a plate; empty where no view shows a mark."""
    standings = tally_votes(views, weights)
    if not standings:
        return UNREAD
    best = standings[0]
    seen = zip(voting_features(standings), weights.calibration, strict=True)
    confidence = share_of(sum(value * weight for value, weight in seen))
    texts = [_printed_text(standing) for standing in standings]
    left = (1 - confidence) / max(1e-9, 1 - best.share)
    shares = [confidence] + [min(confidence, left * other.share) for other in standings[1:]]
    return TextReading(
        text=texts[0],
        confidence=confidence,
        character_confidences=_character_confidences(best, confidence),
        rows=_row_count(best.best_view),
        candidates=tuple(Candidate(t, s) for t, s in zip(texts, shares, strict=True))[:5],
    )


def tally_votes(views: Sequence[ViewReading], weights: VotingWeights) -> list[TalliedMark]:
    """Every mark that was read, the most votes first."""
    votes: dict[str, float] = defaultdict(float)
    behind: dict[str, list[tuple[float, ViewReading]]] = defaultdict(list)
    for sight in views:
        for mark, vote in _view_votes(sight, weights).items():
            if vote > 0:
                votes[mark] += vote
                behind[mark].append((vote, sight))
    total = sum(votes.values())
    read = sum(1 for sight in views if sight.mark) or 1
    found = [
        TalliedMark(
            mark,
            vote / total,
            vote,
            max(behind[mark], key=lambda pair: pair[0])[1],
            sum(1 for _, sight in behind[mark] if sight.mark == mark) / read,
        )
        for mark, vote in votes.items()
    ]
    return sorted(found, key=lambda standing: -standing.share)


def voting_features(tallied: Sequence[TalliedMark]) -> tuple[float, ...]:
    """What the confidence follows from, (EVIDENCE,); the best standing is the first."""
    best = tallied[0]
    chance = min(0.9999, best.best_view.joint_probability)
    weakest = min(0.9999, min(symbol.probability for symbol in best.best_view.symbols))
    return (
        1.0,
        math.log(chance / (1 - chance)) / 4,
        math.log(max(PROBABILITY_FLOOR, weakest) / (1 - max(PROBABILITY_FLOOR, weakest))) / 4,
        best.share,
        best.agreeing_share,
        float(marks.series(best.mark) in ("personalised", "unknown")),
    )


def _view_votes(view: ViewReading, weights: VotingWeights) -> Mapping[str, float]:
    mark = view.mark
    if not mark:
        return {}
    vote = view.joint_probability**weights.sharpness
    vote *= weights.clean if view.preprocessing == "clean" else 1.0
    vote *= weights.one_row if view.squarish and len(view.rows) == 1 else 1.0
    if marks.series(mark) not in ("personalised", "unknown"):
        return {mark: vote}
    votes = {mark: vote * weights.personalised}
    usual = marks.usual_spelling(mark)
    if usual and len(usual) == len(mark):
        for place in marks.changed_places(mark, usual):
            seen = max(PROBABILITY_FLOOR, view.symbols[place].probability)
            vote *= (
                max(PROBABILITY_FLOOR, 1 - seen) / seen
            ) ** weights.sharpness * weights.exchanged
        votes[usual] = vote
    return votes


def _character_confidences(best: TalliedMark, confidence: float) -> tuple[float, ...]:
    """One for each character, in the proportions of the surest sight; their product is the whole's.

    Views that agree make every character surer, and the whole is never surer than one of them.
    """
    pairs = zip(best.best_view.symbols, best.best_view.mark, best.mark, strict=True)
    told = [s.probability if read == meant else 1 - s.probability for s, read, meant in pairs]
    doubts = [
        -math.log(min(1 - PROBABILITY_FLOOR, max(PROBABILITY_FLOOR, probability)))
        for probability in told
    ]
    return tuple(confidence ** (doubt / sum(doubts)) for doubt in doubts)


def _printed_text(tallied: TalliedMark) -> str:
    """The text as printed, the rows parted by a blank.

    In every series but the personalised one, what looks like I or O is a digit.
    """
    sight, mark = tallied.best_view, tallied.mark
    read = "".join(symbol.character for symbol in sight.symbols)
    own_letters = mark == sight.mark and marks.series(mark) in ("personalised", "unknown")
    text = read if own_letters else mark
    upper = len(sight.rows[0])
    return f"{text[:upper]} {text[upper:]}" if len(sight.rows) == 2 else text


def _row_count(view: ViewReading) -> Literal[1, 2]:
    return 2 if len(view.rows) == 2 else 1
