"""Turns the logits of the reader network's two heads into probabilities, and scores texts by each.

The slot head gives one distribution for each character, the CTC head one for each frame along the
rows (models/reader/network.py). Both propose candidate texts and give every candidate a log
probability.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from hkplates.recognition import marks
from hkplates.recognition.reading import ctc
from hkplates.recognition.reading.ctc import Floats

PROBABILITY_FLOOR = 1e-6
"""Least probability of a symbol, so that one head that misses a character cannot veto the other."""

BEAM_WIDTH = 8
LETTER_OF_DIGIT = {"1": "I", "0": "O"}


@dataclass(frozen=True, slots=True, eq=False)
class HeadLogits:
    """The network's output for one crop, as logits; the last class of each symbol axis is blank.

    `slots` (slots, symbols + 1) has a row for each character from the left, the upper row first;
    `lower_row` (slots,) the logit that the character stands in the lower row; `two_rows` () the
    logit that the plate has two rows. `ctc_frames` (frames, symbols + 1) is for connectionist
    temporal classification.
    """

    slots: Floats
    lower_row: Floats
    two_rows: float
    ctc_frames: Floats


@dataclass(frozen=True, slots=True, eq=False)
class HeadProbabilities:
    """The probabilities of both heads for one view of a plate.

    `slots` (slots, marks.ALPHABET + 1) and `ctc_frames` (frames, marks.ALPHABET + 1) count I as 1
    and O as 0; the last class is blank. `is_letter` has for I and O whether the letter is likelier
    than its digit in each slot, (slots,).
    """

    slots: Floats
    ctc_frames: Floats
    is_letter: Mapping[str, npt.NDArray[np.bool_]]

    @classmethod
    def from_logits(cls, logits: HeadLogits, symbols: str) -> "HeadProbabilities":
        """Normalises the logits over `symbols` (those printed on plates) and folds I and O."""
        slots, frames = _softmax(logits.slots), _softmax(logits.ctc_frames)
        # Compared before folding, which adds the letter's probability to the digit's.
        is_letter = {
            letter: slots[:, symbols.index(letter)] > slots[:, symbols.index(digit)]
            for digit, letter in LETTER_OF_DIGIT.items()
        }
        return cls(_fold_symbols(slots, symbols), _fold_symbols(frames, symbols), is_letter)

    def candidates(self) -> Iterator[str]:
        """Yields the texts that either head finds likely, some of them twice."""
        yield from self._slot_candidates()
        yield from self._ctc_candidates()

    def _slot_candidates(self) -> list[str]:
        """Returns the likeliest texts of the slots, by a beam search over characters.

        A text of n characters scores the log probabilities of its symbols in the first n slots and
        of blank in all slots after them.
        """
        logs = np.log(self.slots)
        # blank_tails[i] is the log probability that slots i and all after it are blank.
        blank_tails = np.append(np.cumsum(logs[::-1, -1])[::-1], 0.0)
        beam: list[tuple[str, float]] = [("", 0.0)]
        ended: list[tuple[str, float]] = []
        likeliest = np.argsort(logs[:, :-1], axis=1)[:, -3:].tolist()
        # Plain numbers: NumPy's cost several times as much to add one by one.
        for row, top, tail in zip(logs.tolist(), likeliest, blank_tails.tolist(), strict=False):
            # Each text of the beam may end before this slot, or take one of its top symbols.
            ended += [(text, score + tail) for text, score in beam]
            longer = [
                (text + marks.ALPHABET[symbol], score + row[symbol])
                for text, score in beam
                for symbol in top
            ]
            beam = sorted(longer, key=_by_score, reverse=True)[:BEAM_WIDTH]
        ended += beam
        return [text for text, _ in sorted(ended, key=_by_score, reverse=True)[:BEAM_WIDTH]]

    def _ctc_candidates(self) -> list[str]:
        """Returns the greedy CTC text, and that text with one character replaced or left out."""
        frames = self.ctc_frames
        texts = ["".join(s) for s in ctc.spellings(frames, ctc.symbol_runs(frames))]
        return [text for text in texts if len(text) <= len(self.slots)]

    def slot_scores(self, texts: Sequence[str]) -> Floats:
        """Returns the log probability of each text by the slots, (texts,)."""
        symbols = np.array([ctc.symbol_indices(text, len(self.slots)) for text in texts])
        return np.asarray(np.log(self.slots)[np.arange(len(self.slots)), symbols].sum(axis=1))

    def ctc_scores(self, texts: Sequence[str]) -> Floats:
        """Returns the log probability of each text by the CTC head, (texts,)."""
        return ctc.log_probabilities(self.ctc_frames, texts)


_by_score = itemgetter(1)


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _fold_symbols(probabilities: Floats, symbols: str) -> Floats:
    """Sums the probabilities of printed symbols into those of marks, at least PROBABILITY_FLOOR."""
    return np.asarray(np.maximum(probabilities @ _folding_matrix(symbols), PROBABILITY_FLOOR))


@lru_cache(maxsize=4)
def _folding_matrix(symbols: str) -> Floats:
    """Returns (symbols + 1, marks.ALPHABET + 1): 1 where a printed symbol counts as a mark's."""
    folding = np.zeros((len(symbols) + 1, len(marks.ALPHABET) + 1))
    for row, symbol in enumerate(symbols):
        folding[row, marks.ALPHABET.index(marks.canonical(symbol))] = 1
    folding[-1, -1] = 1
    return folding
