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

PROBABILITY_FLOOR = 1e-6
"""No symbol is less likely than this: one blind look must not veto the other head."""

BEAM_WIDTH = 8
LETTER_OF_DIGIT = {"1": "I", "0": "O"}


@dataclass(frozen=True, slots=True, eq=False)
class HeadLogits:
    """What the network says of one crop, as logits; the last class of each is "nothing".

    `slots` (slots, symbols + 1), one row per character from the left, the upper row first.
    `lower` (slots,), whether that character stands in the lower row. `rows` (), whether there
    are two. `steps` (steps, symbols + 1), for connectionist temporal classification.
    """

    slots: Floats
    lower_row: Floats
    two_rows: float
    ctc_frames: Floats


@dataclass(frozen=True, slots=True, eq=False)
class HeadProbabilities:
    """A view in probabilities. `slots` and `steps` are over marks.ALPHABET and nothing: I is
    counted as 1 and O as 0. `letters` (slots,) tells for I and O whether it is the letter."""

    slots: Floats
    ctc_frames: Floats
    is_letter: Mapping[str, npt.NDArray[np.bool_]]

    @classmethod
    def from_logits(cls, logits: HeadLogits, symbols: str) -> "HeadProbabilities":
        slots, steps = _softmax(logits.slots), _softmax(logits.ctc_frames)
        letters = {
            letter: slots[:, symbols.index(letter)] > slots[:, symbols.index(digit)]
            for digit, letter in LETTER_OF_DIGIT.items()
        }
        return cls(_fold_symbols(slots, symbols), _fold_symbols(steps, symbols), letters)

    def candidates(self) -> Iterator[str]:
        """What either head may have seen."""
        yield from self._slot_candidates()
        yield from self._ctc_candidates()

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
            growing = sorted(longer, key=_by_score, reverse=True)[:BEAM_WIDTH]
        ended += growing
        return [text for text, _ in sorted(ended, key=_by_score, reverse=True)[:BEAM_WIDTH]]

    def _ctc_candidates(self) -> list[str]:
        """The greedy text of the steps, and it with one character changed or left out."""
        options = [_run_alternatives(run) for run in _symbol_runs(self.ctc_frames)]
        greedy = [choice[0] for choice in options]
        texts = ["".join(greedy)]
        for place, choice in enumerate(options):
            for other in choice[1:]:
                texts.append("".join([*greedy[:place], other, *greedy[place + 1 :]]))
        return [text for text in texts if len(text) <= len(self.slots)]

    def slot_scores(self, texts: Sequence[str]) -> Floats:
        """The logarithm of the probability of each mark by the slots."""
        symbols = np.array([_symbol_indices(mark, len(self.slots)) for mark in texts])
        return np.asarray(np.log(self.slots)[np.arange(len(self.slots)), symbols].sum(axis=1))

    def ctc_scores(self, texts: Sequence[str]) -> Floats:
        """The same by the steps, over all alignments: the forward algorithm of CTC.

        Source: Graves et al., "Connectionist Temporal Classification", ICML 2006, section 4.1.
        """
        nothing = len(marks.ALPHABET)
        places = 2 * max(map(len, texts)) + 1
        path = np.full((len(texts), places), nothing)
        longest = places // 2
        path[:, 1::2] = [_symbol_indices(mark, longest) for mark in texts]
        skip = np.zeros(path.shape)  # a symbol may follow another at once, but not itself
        skip[:, 2:] = (path[:, 2:] != nothing) & (path[:, 2:] != path[:, :-2])
        alpha = np.zeros((len(texts), places + 2))
        alpha[:, 2] = 1.0
        alpha[:, 3 : 2 + min(2, places)] = 1.0
        steps = drop_blank_frames(self.ctc_frames)
        alpha[:, 2:] *= steps[0][path]
        for step in steps[1:]:
            alpha[:, 2:] = (alpha[:, 2:] + alpha[:, 1:-1] + skip * alpha[:, :-2]) * step[path]
        ends = 2 + 2 * np.array([len(mark) for mark in texts])
        rows = np.arange(len(texts))
        last_symbol = np.where(ends > 2, alpha[rows, ends - 1], 0.0)
        return np.asarray(np.log(np.maximum(alpha[rows, ends] + last_symbol, 1e-200)))


_by_score = itemgetter(1)


@lru_cache(maxsize=4096)
def _symbol_indices(text: str, length: int) -> tuple[int, ...]:
    """Where each character of a mark stands in the alphabet, then nothing up to so many places."""
    known = [marks.ALPHABET.index(character) for character in text]
    return (*known, *[len(marks.ALPHABET)] * (length - len(text)))


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _fold_symbols(probabilities: Floats, symbols: str) -> Floats:
    """From the printed symbols and nothing to those of marks and nothing."""
    return np.asarray(np.maximum(probabilities @ _folding_matrix(symbols), PROBABILITY_FLOOR))


@lru_cache(maxsize=4)
def _folding_matrix(symbols: str) -> Floats:
    """(symbols + 1, marks' symbols + 1), 1 where a printed symbol counts as that of a mark."""
    folding = np.zeros((len(symbols) + 1, len(marks.ALPHABET) + 1))
    for row, symbol in enumerate(symbols):
        folding[row, marks.ALPHABET.index(marks.canonical(symbol))] = 1
    folding[-1, -1] = 1
    return folding


def drop_blank_frames(frames: Floats) -> Floats:
    """Long runs of nothing cut to three steps: enough for a character more, with its pauses."""
    nothing = frames[:, -1] > 0.9995
    long = np.zeros(len(frames), bool)
    long[3:] = nothing[3:] & nothing[2:-1] & nothing[1:-2] & nothing[:-3]
    return np.asarray(frames[~long])


def _symbol_runs(frames: Floats) -> list[Floats]:
    """For each run of steps with one likeliest symbol, their mean: (symbols + 1,)."""
    nothing = frames.shape[1] - 1
    best = frames.argmax(axis=1)
    runs = itertools.groupby(range(len(best)), key=lambda step: int(best[step]))
    return [frames[list(places)].mean(axis=0) for symbol, places in runs if symbol != nothing]


def _run_alternatives(run: Floats) -> list[str]:
    """The likeliest symbol of a run and those after it that are likely at all; "" is nothing."""
    order = run.argsort()[::-1][:3]
    kept = [int(symbol) for i, symbol in enumerate(order) if i == 0 or run[symbol] > 0.02]
    texts = [marks.ALPHABET[s] if s < len(marks.ALPHABET) else "" for s in kept]
    return texts if texts[0] else [*texts[1:], ""]
