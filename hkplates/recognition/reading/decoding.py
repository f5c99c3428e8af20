"""Decodes the reader network's logits: ranked candidates, a soft prior, a calibrated confidence.

Each candidate is scored by both heads (models/reader/network.py); the grammar of registration marks
adds a little, so that it decides between readings that are about as likely, and never against
clear evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.calibration import sigmoid
from hkplates.recognition.reading.ctc import Floats
from hkplates.recognition.reading.head_scores import LETTER_OF_DIGIT, HeadLogits, HeadProbabilities
from hkplates.recognition.types import MAX_CANDIDATES, Candidate, TextReading

MIN_FEATURE_SCORE = -12.0
"""Log probability below which a head's score no longer lowers a confidence."""

MAX_MARGIN = 10.0
"""Lead over the next candidate, in nats, above which more no longer raises a confidence."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes logits to text; all but the symbols is fitted on plates held out from training.

    `slot_weight` is the weight of the slot head's log probability against the CTC head's. `prior`
    has, by series, what is added to a candidate's log probability; "nearly_usual" is added for a
    mark that exchanged look-alikes would make a usual one, "one_shape_off" in addition where one
    exchange is enough. `calibration` (one view) and `tta_calibration` (several) have the weights of
    `decoder_features` in a logistic regression on being right.
    """

    symbols: str
    slot_weight: float
    prior: Mapping[str, float]
    calibration: tuple[float, ...]
    tta_calibration: tuple[float, ...]

    def decode(self, views: Sequence[HeadLogits]) -> TextReading:
        """Reads a plate from one view of it or several, e.g. crops that differ a little."""
        probabilities = [HeadProbabilities.from_logits(view, self.symbols) for view in views]
        ranked = self._rank_probabilities(probabilities)
        rows: Literal[1, 2] = 2 if np.mean([view.two_rows for view in views]) > 0 else 1
        best = ranked[0]
        if not best.mark:
            return TextReading("", 0.0, (), rows)
        weights = self.calibration if len(views) == 1 else self.tta_calibration
        confidence = sigmoid(float(decoder_features(ranked) @ np.asarray(weights)))
        upper = _upper_row_length(views, len(best.mark)) if rows == 2 else None
        texts = [_printed_text(probabilities, one.mark) for one in ranked[:MAX_CANDIDATES]]
        # The best candidate alone gets its row break: lower-row logits belong to its characters.
        texts[0] = _with_row_break(texts[0], upper)
        return TextReading(
            text=texts[0],
            confidence=confidence,
            character_confidences=_character_confidences(probabilities, best.mark),
            rows=rows,
            candidates=_top_candidates(texts, ranked, confidence),
        )

    def blank_probability(self, view: HeadLogits) -> float:
        """Returns the probability by the slots that no character is printed."""
        return float(np.exp(HeadProbabilities.from_logits(view, self.symbols).slot_scores([""])[0]))

    def rank_views(self, views: Sequence[HeadLogits]) -> list["ScoredCandidate"]:
        """Ranks every candidate of every view, scored over all views, the best first."""
        return self._rank_probabilities(
            [HeadProbabilities.from_logits(view, self.symbols) for view in views]
        )

    def _rank_probabilities(self, views: Sequence[HeadProbabilities]) -> list["ScoredCandidate"]:
        found = {mark for view in views for mark in view.candidates()}
        # The usual spelling of each is asked about too: no head may have proposed it.
        found |= {usual for mark in found if (usual := marks.usual_spelling(mark))}
        names = sorted(found)
        # Views count alike: the mean of log probabilities is the geometric mean of probabilities.
        slots = np.mean([view.slot_scores(names) for view in views], axis=0)
        frames = np.mean([view.ctc_scores(names) for view in views], axis=0)
        return self.rank_candidates(
            [
                ScoredCandidate(mark, float(slot_score), float(ctc_score), 0.0)
                for mark, slot_score, ctc_score in zip(names, slots, frames, strict=True)
            ]
        )

    def rank_candidates(self, candidates: Sequence["ScoredCandidate"]) -> list["ScoredCandidate"]:
        """Returns the candidates with this decoder's totals, the best first."""
        scored = [replace(one, total=self._total(one)) for one in candidates]
        return sorted(scored, key=lambda one: -one.total)

    def _total(self, one: "ScoredCandidate") -> float:
        """Returns the weighted mean of both heads' log probabilities, plus the prior's terms."""
        mean = self.slot_weight * one.slot_score + (1 - self.slot_weight) * one.ctc_score
        if not one.mark:
            return mean
        return mean + sum(self.prior.get(name, 0.0) for name in prior_terms(one.mark))


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate mark with its log probability by each head, and their mean with the prior."""

    mark: str
    slot_score: float
    ctc_score: float
    total: float


def decoder_features(ranked: Sequence[ScoredCandidate]) -> Floats:
    """Returns what the confidence of the best candidate is fitted on, (5,).

    Each head's log probability, the margin over the next candidate, whether both heads find the
    best one likeliest, and a constant.
    """
    best = ranked[0]
    margin = best.total - ranked[1].total if len(ranked) > 1 else MAX_MARGIN
    agree = best.slot_score >= max(one.slot_score for one in ranked) and best.ctc_score >= max(
        one.ctc_score for one in ranked
    )
    return np.array(
        [
            max(best.slot_score, MIN_FEATURE_SCORE),
            max(best.ctc_score, MIN_FEATURE_SCORE),
            min(margin, MAX_MARGIN),
            float(agree),
            1.0,
        ]
    )


@lru_cache(maxsize=4096)
def prior_terms(mark: str) -> tuple[str, ...]:
    """Returns the keys of the prior that apply: a mark's series, and how near a usual one it is."""
    usual = marks.usual_spelling(mark)
    if usual is None:
        return (marks.series(mark),)
    # Few people choose a mark that is a usual one but for an 8 in place of a B; with more digits
    # among its letters it may well be a word: B0SS12.
    alone = len(marks.differing_positions(marks.canonical(mark), usual)) == 1
    return (marks.series(mark), "nearly_usual", *(["one_shape_off"] if alone else []))


def _printed_text(views: Sequence[HeadProbabilities], mark: str) -> str:
    """Returns the mark with the I and O that are printed; in numbered series 1 and 0 are digits."""
    if marks.series(mark) not in ("personalised", "unknown"):
        return mark
    text = ""
    for place, character in enumerate(mark):
        letter = LETTER_OF_DIGIT.get(character)
        votes = [view.is_letter[letter][place] for view in views] if letter else [False]
        text += letter if letter and np.mean(votes) > 0.5 else character
    return text


def _upper_row_length(views: Sequence[HeadLogits], count: int) -> int:
    """Returns how many of `count` characters stand in the upper row: 1 to count - 1.

    The break for which the lower-row logits after it, less those before it, have the largest sum;
    a single character is not broken.
    """
    lower = np.mean([view.lower_row for view in views], axis=0)[:count]
    sums = [lower[place:].sum() - lower[:place].sum() for place in range(1, count)]
    return 1 + int(np.argmax(sums)) if sums else count


def _with_row_break(text: str, upper: int | None) -> str:
    return text if upper is None else f"{text[:upper]} {text[upper:]}".rstrip()


def _character_confidences(views: Sequence[HeadProbabilities], mark: str) -> tuple[float, ...]:
    """Returns each character's probability in its slot, as a mean over the views."""
    symbols = [marks.ALPHABET.index(c) for c in mark]
    mean = np.mean([view.slots[np.arange(len(symbols)), symbols] for view in views], axis=0)
    return tuple(float(value) for value in mean)


def _top_candidates(
    texts: Sequence[str], ranked: Sequence[ScoredCandidate], confidence: float
) -> tuple[Candidate, ...]:
    """Returns the best candidates; the others share what the first one's confidence leaves.

    They share it as the exponentials of their totals say, and none gets more than the first.
    """
    totals = np.array([one.total for one in ranked[:MAX_CANDIDATES]])
    shares = np.exp(totals - totals.max())
    shares[1:] *= (1 - confidence) / max(float(shares[1:].sum()), 1e-9)
    shares[0] = confidence
    return tuple(
        Candidate(text, float(min(share, confidence)))
        for text, share in zip(texts, shares, strict=False)
        if text
    )
