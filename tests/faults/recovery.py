"""How long it took to recover from a fault, told from when images ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from faults.schedule import Fault


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault that has struck: times in seconds of one clock."""

    fault: Fault
    began: float
    ended: float
    """When what was taken away was there again: a server, a program; else when it was done."""
    description: str
    affected: frozenset[int]
    """Images that it could harm: claimed by a worker, or in a queue that was lost."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a strike to the next image that ended, and to the last of those it had hit;
    None where there was none."""

    to_next: float | None
    to_all: float | None


def recovery(strike: Injection, ended: Mapping[int, float]) -> Recovery:
    """`ended`: when each image ended."""
    later = [at for at in ended.values() if at > strike.began]
    hit = [ended[image] for image in strike.affected if image in ended]
    return Recovery(
        min(later) - strike.began if later else None,
        max(0.0, max(hit) - strike.began) if hit else None,
    )


def longest_gap(ended: Sequence[float]) -> float:
    """The longest time in which no image ended, from the first to the last."""
    times = sorted(ended)
    return max((after - before for before, after in pairwise(times)), default=0)
