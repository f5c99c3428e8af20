"""How long it took to recover from a fault, told from when images ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from faults.schedule import Fault


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that has struck: times in seconds of one clock."""

    fault: Fault
    began: float
    over: float
    """When what was taken away was there again: a server, a program; else when it was done."""
    what: str
    in_hand: frozenset[int]
    """Images that it could harm: claimed by a worker, or in a queue that was lost."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a strike to the next image that ended, and to the last of those it had hit;
    None where there was none."""

    following: float | None
    through: float | None


def recovery(strike: Strike, ended: Mapping[int, float]) -> Recovery:
    """`ended`: when each image ended."""
    later = [at for at in ended.values() if at > strike.began]
    hit = [ended[image] for image in strike.in_hand if image in ended]
    return Recovery(
        min(later) - strike.began if later else None,
        max(0.0, max(hit) - strike.began) if hit else None,
    )


def longest_silence(ended: Sequence[float]) -> float:
    """The longest time in which no image ended, from the first to the last."""
    times = sorted(ended)
    return max((after - before for before, after in pairwise(times)), default=0)
