"""Two readers together: the neural one reads all, Tesseract is asked where that one doubts.

They fail differently, so that where they agree a plate is hardly misread, and where they differ the
surer one is believed, with less confidence than alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hkplates.recognition.certainty import log_odds, share_of
from hkplates.recognition.marks import canonical
from hkplates.recognition.types import Candidate, Crop, Reader, TextReading
from hkplates.recognition.version import both_of

DOUBT = 0.95
"""Under this confidence of the first reader the second one is asked."""

MOST_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a logistic regression on the log-odds of the reading taken and of the other one."""

    taken: float
    other: float
    shift: float

    def as_tuple(self) -> tuple[float, float, float]:
        """In the order of the fields."""
        return self.taken, self.other, self.shift

    def confidence(self, taken: float, other: float) -> float:
        """How likely the reading that is taken is right."""
        odds = self.taken * log_odds(taken) + self.other * log_odds(other) + self.shift
        return share_of(odds)


# Fitted by `python -m models.agreement` on plates that neither reader was trained on.
AGREED = Weights(1.0, 0.5, 1.0)
DIFFERED = Weights(1.0, -0.5, -0.5)


class BothReaders:
    """A reader that asks another one where it doubts."""

    name = "both"

    def __init__(self, first: Reader, second: Reader) -> None:
        """`first` reads all plates, `second` those that `first` is less sure of than DOUBT."""
        self._first, self._second = first, second
        self.version = both_of(first.version, second.version)

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """One reading for each crop, in order; one call of each reader."""
        readings = self._first.read(crops)
        # Where the first one sees no text there is none: most are plates of other places.
        doubtful = [i for i, r in enumerate(readings) if r.text and r.confidence < DOUBT]
        for i, other in zip(doubtful, self._second.read([crops[i] for i in doubtful]), strict=True):
            readings[i] = settle(readings[i], other)
        return readings


def settle(first: TextReading, second: TextReading) -> TextReading:
    """One reading of two of the same plate, whose confidences are probabilities."""
    if not second.text:
        return first
    if canonical(first.text) == canonical(second.text):
        return _told(first, second, AGREED.confidence(first.confidence, second.confidence))
    taken, other = sorted((first, second), key=lambda reading: -reading.confidence)
    return _told(taken, other, DIFFERED.confidence(taken.confidence, other.confidence))


def _told(taken: TextReading, other: TextReading, confidence: float) -> TextReading:
    """`taken` with this confidence, and what else either saw behind it."""
    known = {canonical(taken.text)}
    behind = []
    for one in sorted((*taken.candidates[1:], *other.candidates), key=lambda c: -c.confidence):
        if canonical(one.text) not in known:
            known.add(canonical(one.text))
            share = min(one.confidence, confidence, 1 - confidence)
            behind.append(Candidate(one.text, share))
    first = Candidate(taken.text, confidence)
    return replace(taken, confidence=confidence, candidates=(first, *behind[: MOST_CANDIDATES - 1]))
