"""Which fault strikes when: drawn from a seed, in shares of the images that have ended.

In progress and not in time, so that a schedule strikes the same work on a quick machine and on a
slow one, and work that stands still is not struck again before it has gone on.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "child killed",
    "worker killed",
    "parent killed",
    "producer killed",
    "dispatcher killed",
    "redis flushed",
    "redis emptied",
    "redis restarted",
    "postgres restarted",
    "postgres crashed",
    "s3 busy",
    "s3 reset",
    "s3 slow",
    "messages duplicated",
    "messages reordered",
    "messages malformed",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

REPEATS: dict[Kind, int] = {
    "child killed": 4,
    "producer killed": 3,
    "dispatcher killed": 3,
    "messages duplicated": 3,
    "messages reordered": 3,
    "redis restarted": 1,
    "parent killed": 1,
}
"""How often each kind strikes in a long run; those not named, twice."""

FIRST, LAST = 0.02, 0.92
"""Between which shares of the images faults strike; what comes after must end by itself."""
SIMULTANEOUS_CHANCE = 0.2
"""How probably a fault strikes at the same moment as the one before it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: at which share of the images ended, of which kind, and what it chooses by."""

    at: float
    kind: Kind
    seed: int


def draw(seed: int) -> tuple[Fault, ...]:
    """The schedule of a seed, in the order of strikes: every kind, most of them several times."""
    dice = random.Random(seed)
    kinds = [kind for kind in KINDS for _ in range(REPEATS.get(kind, 2))]
    dice.shuffle(kinds)
    step = (LAST - FIRST) / len(kinds)
    faults: list[Fault] = []
    for number, kind in enumerate(kinds):
        at = FIRST + step * (number + dice.random())
        if faults and dice.random() < SIMULTANEOUS_CHANCE:
            at = faults[-1].at
        faults.append(Fault(round(at, 4), kind, dice.randrange(2**32)))
    return tuple(faults)


def fixed(kinds: Sequence[Kind] = KINDS) -> tuple[Fault, ...]:
    """One fault of each kind, evenly spread: the short run's."""
    step = (LAST - FIRST) / len(kinds)
    return tuple(Fault(round(FIRST + step * n, 4), kind, n) for n, kind in enumerate(kinds))
