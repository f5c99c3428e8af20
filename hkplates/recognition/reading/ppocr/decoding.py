"""Decodes what PP-OCR sees along a plate's lines: ranked candidates, a calibrated confidence.

The candidates of every line are the greedy CTC text and its neighbours, as they were read and,
where that is near, as a usual mark; each is scored by its probability over all alignments, and the
grammar of registration marks adds its prior, as with the neural reader (`reading/decoding.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.calibration import scale_to_product, sigmoid
from hkplates.recognition.reading import ctc
from hkplates.recognition.reading.ctc import Floats
from hkplates.recognition.reading.decoding import prior_terms
from hkplates.recognition.reading.head_scores import LETTER_OF_DIGIT
from hkplates.recognition.reading.ppocr.bundle import DecoderWeights
from hkplates.recognition.reading.ppocr.folding import LineFrames
from hkplates.recognition.types import MAX_CANDIDATES, Candidate, TextReading

MIN_FEATURE_SCORE = -8.0
"""Log probability below which a score no longer lowers a confidence."""

MAX_MARGIN = 8.0
"""Lead over the next candidate, in nats, above which more no longer raises a confidence."""

UNREAD = TextReading("", 0.0, (), 1)
"""The reading of a crop in which no mark was found."""


@dataclass(frozen=True, slots=True, eq=False)
class LineCandidate:
    """A mark that one line may say; `runs` are the frames of each of its characters.

    `score` is its log probability over all alignments, without any prior.
    """

    mark: str
    runs: tuple[tuple[int, ...], ...]
    line: LineFrames
    score: float


Ranked = Sequence[tuple[float, LineCandidate]]
"""Candidates with their totals of score and prior, the best first."""


def decode(lines: Sequence[LineFrames], weights: DecoderWeights) -> TextReading:
    """Reads a plate from its lines; UNREAD where none says a mark."""
    ranked = rank(line_candidates(lines), weights)
    if not ranked:
        return UNREAD
    best = ranked[0][1]
    confidence = sigmoid(float(confidence_features(ranked) @ np.asarray(weights.calibration)))
    return TextReading(
        text=_printed_text(best),
        confidence=confidence,
        character_confidences=scale_to_product(_character_probabilities(best), confidence),
        rows=_row_count(best),
        candidates=_top_candidates(ranked, confidence),
    )


def line_candidates(lines: Sequence[LineFrames]) -> list[LineCandidate]:
    """Returns every candidate of every line; a mark that two lines say comes twice."""
    return [candidate for line in lines for candidate in _candidates(line)]


def rank(candidates: Sequence[LineCandidate], weights: DecoderWeights) -> Ranked:
    """Returns each mark once, from the line that says it best, with its total."""
    totals = [(one.score + _prior(one, weights), one) for one in candidates]
    best: dict[str, tuple[float, LineCandidate]] = {}
    for total, one in sorted(totals, key=lambda pair: -pair[0]):
        best.setdefault(one.mark, (total, one))
    return list(best.values())


def confidence_features(ranked: Ranked) -> Floats:
    """Returns what the confidence of the best candidate is fitted on, (FEATURE_COUNT,).

    Its log probability, its margin over the next candidate, 1 for a mark of no numbered series, and
    a constant.
    """
    total, best = ranked[0]
    margin = total - ranked[1][0] if len(ranked) > 1 else MAX_MARGIN
    unnumbered = marks.series(best.mark) in ("personalised", "unknown")
    return np.array(
        [max(best.score, MIN_FEATURE_SCORE), min(margin, MAX_MARGIN), float(unnumbered), 1.0]
    )


def _candidates(line: LineFrames) -> list[LineCandidate]:
    runs = ctc.symbol_runs(line.frames)
    found = dict(_spelled(line, runs))
    if not found:
        return []
    scores = ctc.log_probabilities(line.frames, list(found))
    return [
        LineCandidate(mark, kept, line, float(score))
        for (mark, kept), score in zip(found.items(), scores, strict=True)
    ]


def _spelled(
    line: LineFrames, runs: Sequence[Sequence[int]]
) -> Iterator[tuple[str, tuple[tuple[int, ...], ...]]]:
    """Yields marks with the frames of their characters, some of them twice."""
    for spelling in ctc.spellings(line.frames, runs):
        mark = "".join(spelling)
        if not 1 <= len(mark) <= marks.MAX_LENGTH:
            continue
        kept = tuple(tuple(run) for run, one in zip(runs, spelling, strict=True) if one)
        yield mark, kept
        # A usual spelling has as many characters, each in the place of its look-alike.
        if usual := marks.usual_spelling(mark):
            yield usual, kept


def _prior(one: LineCandidate, weights: DecoderWeights) -> float:
    terms = sum(weights.prior.get(name, 0.0) for name in prior_terms(one.mark))
    squarish_row = one.line.squarish and one.line.lower_from is None
    return terms + (weights.one_row if squarish_row else 0.0)


def _printed_text(one: LineCandidate) -> str:
    """Returns the mark as printed, rows parted by a blank.

    In numbered series 1 and 0 are digits.
    """
    text = one.mark
    if marks.series(one.mark) in ("personalised", "unknown"):
        text = "".join(
            _printed_character(character, run, one.line)
            for character, run in zip(one.mark, one.runs, strict=True)
        )
    upper = _upper_count(one)
    return text if upper is None else f"{text[:upper]} {text[upper:]}"


def _printed_character(character: str, run: Sequence[int], line: LineFrames) -> str:
    letter = LETTER_OF_DIGIT.get(character)
    if letter is None:
        return character
    return letter if np.mean(line.is_letter[letter][list(run)]) > 0.5 else character


def _upper_count(one: LineCandidate) -> int | None:
    """Returns how many characters stand in the upper row; None for a single row.

    Where all of them stand in one half the plate shows one row.
    """
    if one.line.lower_from is None:
        return None
    middles = [(run[0] + run[-1] + 1) / 2 / len(one.line.frames) for run in one.runs]
    upper = sum(middle < one.line.lower_from for middle in middles)
    return upper if 0 < upper < len(middles) else None


def _row_count(one: LineCandidate) -> Literal[1, 2]:
    return 1 if _upper_count(one) is None else 2


def _character_probabilities(one: LineCandidate) -> list[float]:
    """Returns each character's mean probability in its frames."""
    symbols = ctc.symbol_indices(one.mark, len(one.mark))
    return [
        float(one.line.frames[list(run), symbol].mean())
        for run, symbol in zip(one.runs, symbols, strict=True)
    ]


def _top_candidates(ranked: Ranked, confidence: float) -> tuple[Candidate, ...]:
    """Returns the best candidates; the others share what the first one's confidence leaves.

    They share it as the exponentials of their totals say, and none gets more than the first.
    """
    top = ranked[:MAX_CANDIDATES]
    shares = np.exp([total - ranked[0][0] for total, _ in top])
    shares[1:] *= (1 - confidence) / max(float(shares[1:].sum()), 1e-9)
    shares[0] = confidence
    return tuple(
        Candidate(_printed_text(one), float(min(share, confidence)))
        for (_, one), share in zip(top, shares, strict=True)
    )
