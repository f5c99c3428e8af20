"""From the reader network's numbers to text: candidates, a soft prior, and an honest confidence.

The network's two heads look at the same plate in two ways (models/reader/network.py). Each
candidate is scored by both; the grammar of registration marks adds a little, so that it decides
between readings that are about as likely, and never against what was plainly seen.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from hkplates.recognition import marks
from hkplates.recognition.types import Candidate, TextReading

Floats = npt.NDArray[np.float64]

LEAST = 1e-6
"""No symbol is less likely than this: one blind look must not veto the other head."""

WIDTH_OF_SEARCH = 8
MOST_CANDIDATES = 5
LETTERS_OF = {"1": "I", "0": "O"}


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """What the network says of one crop, as logits; the last class of each is "nothing".

    `slots` (slots, symbols + 1), one row per character from the left, the upper row first.
    `lower` (slots,), whether that character stands in the lower row. `rows` (), whether there
    are two. `steps` (steps, symbols + 1), for connectionist temporal classification.
    """

    slots: Floats
    lower: Floats
    rows: float
    steps: Floats


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
        seen = [_Seen.of(view, self.symbols) for view in views]
        scored = self._score(seen)
        rows: Literal[1, 2] = 2 if np.mean([view.rows for view in views]) > 0 else 1
        best = scored[0]
        if not best.mark:
            return TextReading("", 0.0, (), rows)
        weights = self.calibration if len(views) == 1 else self.calibration_of_views
        confidence = _probability(evidence(scored), weights)
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
        return float(np.exp(_Seen.of(view, self.symbols).slot_scores([""])[0]))

    def rank(self, views: Sequence[Heads]) -> list["Scored"]:
        """Every candidate of every view, scored over all views, the best first."""
        return self._score([_Seen.of(view, self.symbols) for view in views])

    def _score(self, seen: Sequence["_Seen"]) -> list["Scored"]:
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


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A view in probabilities. `slots` and `steps` are over marks.ALPHABET and nothing: I is
    counted as 1 and O as 0. `letters` (slots,) tells for I and O whether it is the letter."""

    slots: Floats
    steps: Floats
    letters: Mapping[str, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, view: Heads, symbols: str) -> "_Seen":
        slots, steps = _softmax(view.slots), _softmax(view.steps)
        letters = {
            letter: slots[:, symbols.index(letter)] > slots[:, symbols.index(digit)]
            for digit, letter in LETTERS_OF.items()
        }
        return cls(_fold(slots, symbols), _fold(steps, symbols), letters)

    def candidates(self) -> Iterator[str]:
        """What either head may have seen."""
        yield from self._slot_candidates()
        yield from self._step_candidates()

    def _slot_candidates(self) -> list[str]:
        """The likeliest texts of the slots: a beam over them, each text ending at a nothing."""
        logs = np.log(self.slots)
        tails = np.append(np.cumsum(logs[::-1, -1])[::-1], 0.0)
        growing: list[tuple[str, float]] = [("", 0.0)]
        ended: list[tuple[str, float]] = []
        for slot, row in enumerate(logs):
            ended += [(text, score + tails[slot]) for text, score in growing]
            top = np.argsort(row[:-1])[-3:]
            longer = [
                (text + marks.ALPHABET[symbol], score + float(row[symbol]))
                for text, score in growing
                for symbol in top
            ]
            growing = sorted(longer, key=lambda pair: -pair[1])[:WIDTH_OF_SEARCH]
        ended += growing
        return [text for text, _ in sorted(ended, key=lambda pair: -pair[1])[:WIDTH_OF_SEARCH]]

    def _step_candidates(self) -> list[str]:
        """The greedy text of the steps, and it with one character changed or left out."""
        options = [_second_best(run) for run in _runs(self.steps)]
        greedy = [choice[0] for choice in options]
        texts = ["".join(greedy)]
        for place, choice in enumerate(options):
            for other in choice[1:]:
                texts.append("".join([*greedy[:place], other, *greedy[place + 1 :]]))
        return [text for text in texts if len(text) <= len(self.slots)]

    def slot_scores(self, names: Sequence[str]) -> Floats:
        """The logarithm of the probability of each mark by the slots."""
        symbols = np.array([_symbols(mark, len(self.slots)) for mark in names])
        return np.asarray(np.log(self.slots)[np.arange(len(self.slots)), symbols].sum(axis=1))

    def step_scores(self, names: Sequence[str]) -> Floats:
        """The same by the steps, over all alignments: the forward algorithm of CTC.

        Source: Graves et al., "Connectionist Temporal Classification", ICML 2006, section 4.1.
        """
        nothing = len(marks.ALPHABET)
        places = 2 * max(map(len, names)) + 1
        path = np.full((len(names), places), nothing)
        longest = places // 2
        path[:, 1::2] = [_symbols(mark, longest) for mark in names]
        skip = np.zeros(path.shape)  # a symbol may follow another at once, but not itself
        skip[:, 2:] = (path[:, 2:] != nothing) & (path[:, 2:] != path[:, :-2])
        alpha = np.zeros((len(names), places + 2))
        alpha[:, 2] = 1.0
        alpha[:, 3 : 2 + min(2, places)] = 1.0
        steps = _without_pauses(self.steps)
        alpha[:, 2:] *= steps[0][path]
        for step in steps[1:]:
            alpha[:, 2:] = (alpha[:, 2:] + alpha[:, 1:-1] + skip * alpha[:, :-2]) * step[path]
        ends = 2 + 2 * np.array([len(mark) for mark in names])
        rows = np.arange(len(names))
        last_symbol = np.where(ends > 2, alpha[rows, ends - 1], 0.0)
        return np.asarray(np.log(np.maximum(alpha[rows, ends] + last_symbol, 1e-200)))


@lru_cache(maxsize=4096)
def _symbols(mark: str, places: int) -> tuple[int, ...]:
    """Where each character of a mark stands in the alphabet, then nothing up to so many places."""
    known = [marks.ALPHABET.index(character) for character in mark]
    return (*known, *[len(marks.ALPHABET)] * (places - len(mark)))


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


def _probability(seen: Floats, weights: Sequence[float]) -> float:
    return float(1 / (1 + np.exp(-float(seen @ np.asarray(weights)))))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


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


def _fold(probabilities: Floats, symbols: str) -> Floats:
    """From the printed symbols and nothing to those of marks and nothing."""
    return np.asarray(np.maximum(probabilities @ _folding(symbols), LEAST))


@lru_cache(maxsize=4)
def _folding(symbols: str) -> Floats:
    """(symbols + 1, marks' symbols + 1), 1 where a printed symbol counts as that of a mark."""
    folding = np.zeros((len(symbols) + 1, len(marks.ALPHABET) + 1))
    for row, symbol in enumerate(symbols):
        folding[row, marks.ALPHABET.index(marks.canonical(symbol))] = 1
    folding[-1, -1] = 1
    return folding


def _without_pauses(steps: Floats) -> Floats:
    """Long runs of nothing cut to three steps: enough for a character more, with its pauses."""
    nothing = steps[:, -1] > 0.9995
    long = np.zeros(len(steps), bool)
    long[3:] = nothing[3:] & nothing[2:-1] & nothing[1:-2] & nothing[:-3]
    return np.asarray(steps[~long])


def _runs(steps: Floats) -> list[Floats]:
    """For each run of steps with one likeliest symbol, their mean: (symbols + 1,)."""
    nothing = steps.shape[1] - 1
    best = steps.argmax(axis=1)
    runs = itertools.groupby(range(len(best)), key=lambda step: int(best[step]))
    return [steps[list(places)].mean(axis=0) for symbol, places in runs if symbol != nothing]


def _second_best(run: Floats) -> list[str]:
    """The likeliest symbol of a run and those after it that are likely at all; "" is nothing."""
    order = run.argsort()[::-1][:3]
    kept = [int(symbol) for i, symbol in enumerate(order) if i == 0 or run[symbol] > 0.02]
    texts = [marks.ALPHABET[s] if s < len(marks.ALPHABET) else "" for s in kept]
    return texts if texts[0] else [*texts[1:], ""]


def _printed(seen: Sequence[_Seen], mark: str) -> str:
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


def _characters(seen: Sequence[_Seen], mark: str) -> tuple[float, ...]:
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
