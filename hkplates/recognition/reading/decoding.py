"""From the reader network's numbers to text: candidates, a soft prior, and an honest confidence.

The network's two heads look at the same plate in two ways (models/reader/network.py). Each
candidate is scored by both; the grammar of registration marks adds a little, so that it decides
between readings that are about as likely, and never against what was plainly seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.calibration import share_of
from hkplates.recognition.reading.head_scores import LETTERS_OF, Floats, Heads, Seen
from hkplates.recognition.types import Candidate, TextReading

MOST_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Decoder:
    """How logits become text; all but the symbols is fitted on plates held out from training.

    `prior` has, by series, what is added to a candidate's logarithmic score; "nearly_usual" is
    added for a mark that like shapes, exchanged, would make a usual one, and "one_shape_off" in
    addition where one shape is enough. `calibration` has the
    weights of `evidence` in a logistic regression on being right, for one view and for several.
    """

    symbols: str
    slot_share: float
    prior: Mapping[str, float]
    calibration: tuple[float, ...]
    calibration_of_views: tuple[float, ...]

    def decode(self, views: Sequence[Heads]) -> TextReading:
        """One reading of a plate from one view of it or more, e.g. crops that differ a little."""
        seen = [Seen.of(view, self.symbols) for view in views]
        scored = self._score(seen)
        rows: Literal[1, 2] = 2 if np.mean([view.rows for view in views]) > 0 else 1
        best = scored[0]
        if not best.mark:
            return TextReading("", 0.0, (), rows)
        weights = self.calibration if len(views) == 1 else self.calibration_of_views
        confidence = share_of(float(evidence(scored) @ np.asarray(weights)))
        split = _split(views, len(best.mark)) if rows == 2 else None
        texts = [_printed(seen, one.mark) for one in scored[:MOST_CANDIDATES]]
        shown = [_parted(text, split if i == 0 else None) for i, text in enumerate(texts)]
        return TextReading(
            text=shown[0],
            confidence=confidence,
            character_confidences=_characters(seen, best.mark),
            rows=rows,
            candidates=_candidates(shown, scored, confidence),
        )

    def nothing(self, view: Heads) -> float:
        """The probability by the slots that no character is printed."""
        return float(np.exp(Seen.of(view, self.symbols).slot_scores([""])[0]))

    def rank(self, views: Sequence[Heads]) -> list["Scored"]:
        """Every candidate of every view, scored over all views, the best first."""
        return self._score([Seen.of(view, self.symbols) for view in views])

    def _score(self, seen: Sequence["Seen"]) -> list["Scored"]:
        found = {mark for view in seen for mark in view.candidates()}
        found |= {usual for mark in found if (usual := marks.usual_spelling(mark))}
        names = sorted(found)
        slots = np.mean([view.slot_scores(names) for view in seen], axis=0)
        steps = np.mean([view.step_scores(names) for view in seen], axis=0)
        both = zip(names, slots, steps, strict=True)
        return self.order(
            [Scored(mark, float(slot), float(step), 0.0) for mark, slot, step in both]
        )

    def order(self, candidates: Sequence["Scored"]) -> list["Scored"]:
        """Candidates with their totals, the best first."""
        scored = [replace(one, total=self._total(one)) for one in candidates]
        return sorted(scored, key=lambda one: -one.total)

    def _total(self, one: "Scored") -> float:
        seen = self.slot_share * one.slots + (1 - self.slot_share) * one.steps
        if not one.mark:
            return seen
        return seen + sum(self.prior.get(name, 0.0) for name in _grammar(one.mark))


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its logarithmic probability by each head, and both with the prior."""

    mark: str
    slots: float
    steps: float
    total: float


def evidence(scored: Sequence[Scored]) -> Floats:
    """What tells right from wrong: (5,) of the best candidate.

    Each head's logarithmic probability, the lead over the next candidate (up to 10), whether both
    heads find it the likeliest, and a constant.
    """
    best = scored[0]
    lead = best.total - scored[1].total if len(scored) > 1 else 10.0
    agree = best.slots >= max(one.slots for one in scored) and best.steps >= max(
        one.steps for one in scored
    )
    return np.array(
        [max(best.slots, -12.0), max(best.steps, -12.0), min(lead, 10.0), float(agree), 1.0]
    )


@lru_cache(maxsize=4096)
def _grammar(mark: str) -> tuple[str, ...]:
    """What the prior has to say of a mark: its series, and how near it is to a usual one."""
    usual = marks.usual_spelling(mark)
    if usual is None:
        return (marks.series(mark),)
    # Few people choose a mark that is a usual one but for an 8 in place of a B; with more digits
    # among its letters it may well be a word: B0SS12.
    alone = len(marks.changed_places(marks.canonical(mark), usual)) == 1
    return (marks.series(mark), "nearly_usual", *(["one_shape_off"] if alone else []))


def _printed(seen: Sequence[Seen], mark: str) -> str:
    """The mark with the I and O that are printed; in numbered series 1 and 0 are digits."""
    if marks.series(mark) not in ("personalised", "unknown"):
        return mark
    text = ""
    for place, character in enumerate(mark):
        letter = LETTERS_OF.get(character)
        votes = [view.letters[letter][place] for view in seen] if letter else [False]
        text += letter if letter and np.mean(votes) > 0.5 else character
    return text


def _split(views: Sequence[Heads], count: int) -> int:
    """After how many of `count` characters the lower row begins: 1 to count - 1."""
    lower = np.mean([view.lower for view in views], axis=0)[:count]
    sums = [lower[place:].sum() - lower[:place].sum() for place in range(1, count)]
    return 1 + int(np.argmax(sums)) if sums else count


def _parted(text: str, split: int | None) -> str:
    return text if split is None else f"{text[:split]} {text[split:]}".rstrip()


def _characters(seen: Sequence[Seen], mark: str) -> tuple[float, ...]:
    symbols = [marks.ALPHABET.index(c) for c in mark]
    mean = np.mean([view.slots[np.arange(len(symbols)), symbols] for view in seen], axis=0)
    return tuple(float(value) for value in mean)


def _candidates(
    texts: Sequence[str], scored: Sequence[Scored], confidence: float
) -> tuple[Candidate, ...]:
    """The five best; what the first leaves is shared by the others as their scores say."""
    totals = np.array([one.total for one in scored[:MOST_CANDIDATES]])
    shares = np.exp(totals - totals.max())
    shares[1:] *= (1 - confidence) / max(float(shares[1:].sum()), 1e-9)
    shares[0] = confidence
    return tuple(
        Candidate(text, float(min(share, confidence)))
        for text, share in zip(texts, shares, strict=False)
        if text
    )
