"""Draws random registration marks of every series that stands on Hong Kong plates.

Series and alphabet after Cap. 374E, regulations 12 to 12E; the registry's alphabet has no I, O or
Q, while a personalised plate often prints the 1 of its mark as I and the 0 as O.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
DIGITS = "0123456789"
_WORDS = """
LOVE BABY HAPPY LUCKY STAR CATS DOGS KING QUEEN SUNNY PEACE NARITA TOKYO PARIS MILAN FERRY
DRAGON TIGER PANDA RABBIT BOSS CHEF DOC ACE TURBO SPEED RACER GOLF SAIL SWIM RUN DANCE MUSIC
PIANO BEACH OCEAN RIVER HILL PEAK MOON SKY RAIN SNOW FIRE ROSE LILY IRIS AMY ANNA BEN CINDY
DAVID EDDIE FIONA GIGI HELEN IVAN JACKY KELVIN LEO MIMI NANCY OSCAR PETER RITA SIMON TINA VIVIAN
WILLIAM XENIA YOYO ZOE WONG CHAN LEE HO LAM LAU NG TANG GOOD LIFE ONE TWO TEN WIN
"""
WORDS = tuple(_WORDS.split())

Rows = Literal[1, 2]


@dataclass(frozen=True, slots=True)
class PrintedMark:
    """A mark as printed: one or two groups of characters, a blank between groups on one row."""

    groups: tuple[str, ...]
    series: str

    @property
    def text(self) -> str:
        """Returns it as printed, without blanks: A-Z and 0-9."""
        return "".join(self.groups).replace(" ", "")


def draw_mark(rng: np.random.Generator) -> PrintedMark:
    """Draws a mark of a series chosen about as often as streets show it, rare ones more often."""
    series = tuple(_SERIES)
    weights = np.array([_SERIES[name][0] for name in series])
    name = series[rng.choice(len(series), p=weights / weights.sum())]
    return PrintedMark(_SERIES[name][1](rng), name)


def letters(rng: np.random.Generator, count: int, alphabet: str = LETTERS) -> str:
    """Draws `count` letters of `alphabet`."""
    return "".join(alphabet[i] for i in rng.integers(0, len(alphabet), count))


def number(rng: np.random.Generator, max_digits: int = 4) -> str:
    """Draws a number without a leading zero, short ones and repeats oftener than by chance.

    A third has one digit repeated or mirrored: such marks are auctioned and so seen on streets.
    """
    length = int(rng.choice(np.arange(1, max_digits + 1), p=_lengths(max_digits)))
    first = str(rng.integers(1, 10))
    rest = "".join(str(d) for d in rng.integers(0, 10, length - 1))
    if rng.random() < 0.2:
        rest = first * (length - 1)
    return first + rest


def _lengths(most: int) -> np.ndarray:
    weights = np.array([0.5, 0.8, 2.0, 6.0, 6.0][:most])
    return weights / weights.sum()


def _usual(rng: np.random.Generator) -> tuple[str, ...]:
    return letters(rng, 2), number(rng)


def _digits_only(rng: np.random.Generator) -> tuple[str, ...]:
    return (number(rng),)


def _prefixed(*prefixes: str) -> Callable[[np.random.Generator], tuple[str, ...]]:
    def make(rng: np.random.Generator) -> tuple[str, ...]:
        return prefixes[rng.integers(len(prefixes))], number(rng)

    return make


def _trade(rng: np.random.Generator) -> tuple[str, ...]:
    return ("T", f"{rng.integers(1, 10000):05d}") if rng.random() < 0.5 else ("T", number(rng))


def _trailer(rng: np.random.Generator) -> tuple[str, ...]:
    return number(rng, 5), "T"


def _personalised(rng: np.random.Generator) -> tuple[str, ...]:
    kind = rng.random()
    if kind < 0.45:
        groups = [WORDS[i] for i in rng.integers(0, len(WORDS), rng.integers(1, 3))]
    elif kind < 0.65:
        word = WORDS[rng.integers(len(WORDS))]
        groups = [word, number(rng, 3)]
    elif kind < 0.8:
        groups = [letters(rng, 1) * int(rng.integers(2, 6)), number(rng, 3)]
    else:
        groups = [letters(rng, int(rng.integers(1, 9)), LETTERS + "IO" + DIGITS)]
    return _fit(rng, groups)


def _fit(rng: np.random.Generator, groups: list[str]) -> tuple[str, ...]:
    """Cuts groups to at most 8 characters with the blank; the registry has no Q."""
    groups = [group.replace("Q", "K") for group in groups]
    if sum(map(len, groups)) + len(groups) - 1 > 8:
        groups = groups[:1]
    if rng.random() < 0.3:
        groups = ["".join(groups)]
    return tuple(group[:8] for group in groups)


_SERIES: dict[str, tuple[float, Callable[[np.random.Generator], tuple[str, ...]]]] = {
    "usual": (60, _usual),
    "personalised": (18, _personalised),
    "digits": (4, _digits_only),
    "government": (5, _prefixed("AM")),
    "emergency": (3, _prefixed("A", "F")),
    "special": (3, _prefixed("LC", "ZG", "VV")),
    "cross_boundary": (3, _prefixed("FT", "FU", "FV")),
    "trade": (2, _trade),
    "trailer": (2, _trailer),
}
