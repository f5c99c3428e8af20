"""What the reader network's two heads say of one view of a plate, in probabilities.

The network looks at a plate in two ways (models/reader/network.py): slots, one for each character,
and steps along the rows. Both are asked how likely any text is, and which are worth asking about.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from hkplates.recognition import marks

Floats = npt.NDArray[np.float64]

LEAST = 1e-6
"""No symbol is less likely than this: one blind look must not veto the other head."""

WIDTH_OF_SEARCH = 8
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


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A view in probabilities. `slots` and `steps` are over marks.ALPHABET and nothing: I is
    counted as 1 and O as 0. `letters` (slots,) tells for I and O whether it is the letter."""

    slots: Floats
    steps: Floats
    letters: Mapping[str, npt.NDArray[np.bool_]]

    @classmethod
    def of(cls, view: Heads, symbols: str) -> "Seen":
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
        likeliest = np.argsort(logs[:, :-1], axis=1)[:, -3:].tolist()
        # Plain numbers: NumPy's cost several times as much to add one by one.
        for row, top, tail in zip(logs.tolist(), likeliest, tails.tolist(), strict=False):
            ended += [(text, score + tail) for text, score in growing]
            longer = [
                (text + marks.ALPHABET[symbol], score + row[symbol])
                for text, score in growing
                for symbol in top
            ]
            growing = sorted(longer, key=_by_score, reverse=True)[:WIDTH_OF_SEARCH]
        ended += growing
        return [text for text, _ in sorted(ended, key=_by_score, reverse=True)[:WIDTH_OF_SEARCH]]

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


_by_score = itemgetter(1)


@lru_cache(maxsize=4096)
def _symbols(mark: str, places: int) -> tuple[int, ...]:
    """Where each character of a mark stands in the alphabet, then nothing up to so many places."""
    known = [marks.ALPHABET.index(character) for character in mark]
    return (*known, *[len(marks.ALPHABET)] * (places - len(mark)))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


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
