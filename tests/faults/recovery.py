"""Measures the time to recover from a fault, by when images ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from faults.schedule import Fault


@dataclass(frozen=True, slots=True)
class Injection:
    """An injected fault: times in seconds of one clock."""

    fault: Fault
    began: float
    ended: float
    """The time at which a stopped server or program was there again; else the injection's end."""
    description: str
    affected: frozenset[int]
    """Ids of images that it could harm: claimed by a worker, or in a queue that was lost."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from an injection to the next image that ended, and to the last of those affected.

    None where there was none.
    """

    to_next: float | None
    to_all: float | None


def recovery(injection: Injection, ended: Mapping[int, float]) -> Recovery:
    """Computes the recovery; `ended` are the times at which images ended, by id."""
    later = [at for at in ended.values() if at > injection.began]
    affected = [ended[image] for image in injection.affected if image in ended]
    return Recovery(
        min(later) - injection.began if later else None,
        max(0.0, max(affected) - injection.began) if affected else None,
    )


def longest_gap(ended: Sequence[float]) -> float:
    """Returns the longest time in which no image ended, from the first to the last."""
    times = sorted(ended)
    return max((after - before for before, after in pairwise(times)), default=0)
