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
from hkplates.recognition.reading.head_scores import (
    LETTER_OF_DIGIT,
    Floats,
    HeadLogits,
    HeadProbabilities,
)
from hkplates.recognition.types import Candidate, TextReading

MAX_CANDIDATES = 5


@dataclass(frozen=True, slots=True)
class Decoder:
    """How logits become text; all but the symbols is fitted on plates held out from training.

    `prior` has, by series, what is added to a candidate's logarithmic score; "nearly_usual" is
    added for a mark that like shapes, exchanged, would make a usual one, and "one_shape_off" in
    addition where one shape is enough. `calibration` has the
    weights of `evidence` in a logistic regression on being right, for one view and for several.
    """

    symbols: str
    slot_weight: float
    prior: Mapping[str, float]
    calibration: tuple[float, ...]
    tta_calibration: tuple[float, ...]

    def decode(self, views: Sequence[HeadLogits]) -> TextReading:
        """One reading of a plate from one view of it or more, e.g. crops that differ a little."""
        seen = [HeadProbabilities.from_logits(view, self.symbols) for view in views]
        scored = self._rank_probabilities(seen)
        rows: Literal[1, 2] = 2 if np.mean([view.two_rows for view in views]) > 0 else 1
        best = scored[0]
        if not best.mark:
            return TextReading("", 0.0, (), rows)
        weights = self.calibration if len(views) == 1 else self.tta_calibration
        confidence = share_of(float(decoder_features(scored) @ np.asarray(weights)))
        split = _upper_row_length(views, len(best.mark)) if rows == 2 else None
        texts = [_printed_text(seen, one.mark) for one in scored[:MAX_CANDIDATES]]
        shown = [_with_row_break(text, split if i == 0 else None) for i, text in enumerate(texts)]
        return TextReading(
            text=shown[0],
            confidence=confidence,
            character_confidences=_character_confidences(seen, best.mark),
            rows=rows,
            candidates=_top_candidates(shown, scored, confidence),
        )

    def blank_probability(self, view: HeadLogits) -> float:
        """The probability by the slots that no character is printed."""
        return float(np.exp(HeadProbabilities.from_logits(view, self.symbols).slot_scores([""])[0]))

    def rank_views(self, views: Sequence[HeadLogits]) -> list["ScoredCandidate"]:
        """Every candidate of every view, scored over all views, the best first."""
        return self._rank_probabilities(
            [HeadProbabilities.from_logits(view, self.symbols) for view in views]
        )

    def _rank_probabilities(self, seen: Sequence["HeadProbabilities"]) -> list["ScoredCandidate"]:
        found = {mark for view in seen for mark in view.candidates()}
        found |= {usual for mark in found if (usual := marks.usual_spelling(mark))}
        names = sorted(found)
        slots = np.mean([view.slot_scores(names) for view in seen], axis=0)
        steps = np.mean([view.ctc_scores(names) for view in seen], axis=0)
        both = zip(names, slots, steps, strict=True)
        return self.rank_candidates(
            [ScoredCandidate(mark, float(slot), float(step), 0.0) for mark, slot, step in both]
        )

    def rank_candidates(self, candidates: Sequence["ScoredCandidate"]) -> list["ScoredCandidate"]:
        """Candidates with their totals, the best first."""
        scored = [replace(one, total=self._total(one)) for one in candidates]
        return sorted(scored, key=lambda one: -one.total)

    def _total(self, one: "ScoredCandidate") -> float:
        seen = self.slot_weight * one.slot_score + (1 - self.slot_weight) * one.ctc_score
        if not one.mark:
            return seen
        return seen + sum(self.prior.get(name, 0.0) for name in _prior_terms(one.mark))


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate with its logarithmic probability by each head, and both with the prior."""

    mark: str
    slot_score: float
    ctc_score: float
    total: float


def decoder_features(scored: Sequence[ScoredCandidate]) -> Floats:
    """What tells right from wrong: (5,) of the best candidate.

    Each head's logarithmic probability, the lead over the next candidate (up to 10), whether both
    heads find it the likeliest, and a constant.
    """
    best = scored[0]
    lead = best.total - scored[1].total if len(scored) > 1 else 10.0
    agree = best.slot_score >= max(one.slot_score for one in scored) and best.ctc_score >= max(
        one.ctc_score for one in scored
    )
    return np.array(
        [
            max(best.slot_score, -12.0),
            max(best.ctc_score, -12.0),
            min(lead, 10.0),
            float(agree),
            1.0,
        ]
    )


@lru_cache(maxsize=4096)
def _prior_terms(mark: str) -> tuple[str, ...]:
    """What the prior has to say of a mark: its series, and how near it is to a usual one."""
    usual = marks.usual_spelling(mark)
    if usual is None:
        return (marks.series(mark),)
    # Few people choose a mark that is a usual one but for an 8 in place of a B; with more digits
    # among its letters it may well be a word: B0SS12.
    alone = len(marks.changed_places(marks.canonical(mark), usual)) == 1
    return (marks.series(mark), "nearly_usual", *(["one_shape_off"] if alone else []))


def _printed_text(seen: Sequence[HeadProbabilities], mark: str) -> str:
    """The mark with the I and O that are printed; in numbered series 1 and 0 are digits."""
    if marks.series(mark) not in ("personalised", "unknown"):
        return mark
    text = ""
    for place, character in enumerate(mark):
        letter = LETTER_OF_DIGIT.get(character)
        votes = [view.is_letter[letter][place] for view in seen] if letter else [False]
        text += letter if letter and np.mean(votes) > 0.5 else character
    return text


def _upper_row_length(views: Sequence[HeadLogits], count: int) -> int:
    """After how many of `count` characters the lower row begins: 1 to count - 1."""
    lower = np.mean([view.lower_row for view in views], axis=0)[:count]
    sums = [lower[place:].sum() - lower[:place].sum() for place in range(1, count)]
    return 1 + int(np.argmax(sums)) if sums else count


def _with_row_break(text: str, split: int | None) -> str:
    return text if split is None else f"{text[:split]} {text[split:]}".rstrip()


def _character_confidences(seen: Sequence[HeadProbabilities], mark: str) -> tuple[float, ...]:
    symbols = [marks.ALPHABET.index(c) for c in mark]
    mean = np.mean([view.slots[np.arange(len(symbols)), symbols] for view in seen], axis=0)
    return tuple(float(value) for value in mean)


def _top_candidates(
    texts: Sequence[str], scored: Sequence[ScoredCandidate], confidence: float
) -> tuple[Candidate, ...]:
    """The five best; what the first leaves is shared by the others as their scores say."""
    totals = np.array([one.total for one in scored[:MAX_CANDIDATES]])
    shares = np.exp(totals - totals.max())
    shares[1:] *= (1 - confidence) / max(float(shares[1:].sum()), 1e-9)
    shares[0] = confidence
    return tuple(
        Candidate(text, float(min(share, confidence)))
        for text, share in zip(texts, shares, strict=False)
        if text
    )
