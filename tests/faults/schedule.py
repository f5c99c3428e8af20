"""Draws schedules of faults from a seed, in shares of the images that have ended.

Faults are due by progress and not by time, so that a schedule hits the same work on a quick machine
and on a slow one, and work that stands still is not hit again before it has gone on.
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
"""Numbers of faults of each kind in a long run; of those not named, two."""

FIRST, LAST = 0.02, 0.92
"""Shares of the images between which faults are injected; what comes after must end by itself."""
SIMULTANEOUS_CHANCE = 0.2
"""Probability that a fault is injected at the same moment as the one before it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault due at a share of the images ended; `seed` is that of its random choices."""

    at: float
    kind: Kind
    seed: int


def draw(seed: int) -> tuple[Fault, ...]:
    """Draws the schedule of a seed, in order: every kind, most of them several times."""
    rng = random.Random(seed)
    kinds = [kind for kind in KINDS for _ in range(REPEATS.get(kind, 2))]
    rng.shuffle(kinds)
    step = (LAST - FIRST) / len(kinds)
    faults: list[Fault] = []
    for number, kind in enumerate(kinds):
        at = FIRST + step * (number + rng.random())
        if faults and rng.random() < SIMULTANEOUS_CHANCE:
            at = faults[-1].at
        faults.append(Fault(round(at, 4), kind, rng.randrange(2**32)))
    return tuple(faults)


def fixed(kinds: Sequence[Kind] = KINDS) -> tuple[Fault, ...]:
    """Returns one fault of each kind, evenly spread: the short run's."""
    step = (LAST - FIRST) / len(kinds)
    return tuple(Fault(round(FIRST + step * n, 4), kind, n) for n, kind in enumerate(kinds))
