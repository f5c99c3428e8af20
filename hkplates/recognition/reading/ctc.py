"""Decodes the frames of connectionist temporal classification (CTC), whichever network made them.

Frames are probabilities, (frames, marks.ALPHABET + 1), none of them zero; the last class is blank.

Source: Graves et al., "Connectionist Temporal Classification", ICML 2006.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hkplates.recognition import marks

Floats = npt.NDArray[np.float64]

MIN_ALTERNATIVE = 0.02
"""Least probability of a symbol that is tried in place of a run's likeliest one."""


def symbol_runs(frames: Floats) -> list[list[int]]:
    """Returns the frames of each run with one likeliest symbol; runs of blank are left out."""
    blank = frames.shape[1] - 1
    best = frames.argmax(axis=1)
    runs = itertools.groupby(range(len(best)), key=lambda frame: int(best[frame]))
    return [list(places) for symbol, places in runs if symbol != blank]


def spellings(frames: Floats, runs: Sequence[Sequence[int]]) -> Iterator[list[str]]:
    """Yields the greedy text, then that text with one character replaced or left out.

    A text is a list of one character for each run, "" where it is left out.
    """
    options = [_run_alternatives(frames[run].mean(axis=0)) for run in runs]
    greedy = [choice[0] for choice in options]
    yield greedy
    for place, choice in enumerate(options):
        for other in choice[1:]:
            yield [*greedy[:place], other, *greedy[place + 1 :]]


def log_probabilities(frames: Floats, texts: Sequence[str]) -> Floats:
    """Returns the log probability of each text, (texts,), over all alignments.

    The forward algorithm of CTC (section 4.1 of the source), for all texts at once.
    """
    blank = len(marks.ALPHABET)
    # A path is a text with a blank before, between and after its symbols: _A_B_ for AB. Shorter
    # texts are filled up with blanks, whose columns are never asked for.
    states = 2 * max(map(len, texts)) + 1
    path = np.full((len(texts), states), blank)
    longest = states // 2
    path[:, 1::2] = [symbol_indices(text, longest) for text in texts]
    # The blank between two symbols may be skipped, but not that between a symbol and itself.
    skip = np.zeros(path.shape)
    skip[:, 2:] = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])
    # alpha[2 + s, text]: probability of all alignments that are in state s after this frame. Two
    # rows of zeros in front stand for the states before the first.
    alpha = np.zeros((states + 2, len(texts)))
    alpha[2 : 2 + min(2, states)] = 1.0  # alignments begin with the blank or a symbol
    own, before, past_blank = alpha[2:], alpha[1:-1], alpha[:-2]
    may_skip = np.ascontiguousarray(skip.T)
    # Gathered for all frames at once and added in place: frame by frame takes twice as long.
    first, *following = _drop_blank_frames(frames)[:, path.T]
    own *= first
    reached = np.empty_like(own)
    for emitted in following:
        # A state is reached from itself, from the one before, or past a blank.
        np.multiply(may_skip, past_blank, out=reached)
        reached += before
        own += reached
        own *= emitted
    # Alignments end in the last blank, or in the last symbol where the text has one.
    ends = 2 + 2 * np.array([len(text) for text in texts])
    columns = np.arange(len(texts))
    last_symbol = np.where(ends > 2, alpha[ends - 1, columns], 0.0)
    return np.asarray(np.log(np.maximum(alpha[ends, columns] + last_symbol, 1e-200)))


@lru_cache(maxsize=4096)
def symbol_indices(text: str, length: int) -> tuple[int, ...]:
    """Returns each character's index in marks.ALPHABET, filled up with blanks to `length`."""
    indices = [marks.ALPHABET.index(character) for character in text]
    return (*indices, *[len(marks.ALPHABET)] * (length - len(text)))


def _drop_blank_frames(frames: Floats) -> Floats:
    """Cuts long runs of blank to three frames: room for one more character with blanks around it.

    Most of the frames are such runs, and each frame costs log_probabilities a step.
    """
    blank = frames[:, -1] > 0.9995
    # A frame is dropped where it and the three before it are all blank.
    dropped = np.zeros(len(frames), bool)
    dropped[3:] = blank[3:] & blank[2:-1] & blank[1:-2] & blank[:-3]
    return np.asarray(frames[~dropped])


def _run_alternatives(run: Floats) -> list[str]:
    """Returns a run's likeliest symbol and up to two more that are likely; "" stands for blank."""
    order = run.argsort()[::-1][:3]
    kept = [int(s) for i, s in enumerate(order) if i == 0 or run[s] > MIN_ALTERNATIVE]
    texts = [marks.ALPHABET[s] if s < len(marks.ALPHABET) else "" for s in kept]
    # Blank comes first in a tie alone: in each frame of the run its symbol was likeliest.
    return texts if texts[0] else [*texts[1:], ""]
