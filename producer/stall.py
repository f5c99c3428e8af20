"""Noticing a stall: work waits, and nothing has ended for too long."""

from dataclasses import dataclass

from hkplates.database.queries.backlog import Backlog

NO_WORKER = "no worker takes work; start one with: celery -A workers.app worker"
CANNOT_LOAD = "workers begin and do not end, or cannot load their models; see their logs"
STORE_UNREACHABLE = "the store does not serve the workers, who give images back; see their logs"
NOT_SENT = (
    "nothing is sent; run `hkplates dispatch` or `hkplates submit`, and see that Redis has room"
)


@dataclass(frozen=True, slots=True)
class Stall:
    """For how long work has waited while nothing ended, and what most likely keeps it."""

    seconds: float
    causes: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Nothing has ended for {round(self.seconds / 60)} minutes although work waits. "
            f"Likely: {'; or '.join(self.causes)}"
        )


def find_stall(work: Backlog, limit_minutes: float) -> Stall | None:
    """The stall, where there is one."""
    if not work.left or work.idle_seconds < 60 * limit_minutes:
        return None
    return Stall(work.idle_seconds, tuple(_likely_causes(work)))


def _likely_causes(work: Backlog) -> list[str]:
    """What the ledger tells: whether images were sent, begun, given back."""
    causes = []
    if work.returned:
        causes.append(STORE_UNREACHABLE)
    if work.begun:
        causes.append(CANNOT_LOAD)
    if work.queued and not causes:
        causes.append(NO_WORKER)
    return causes or [NOT_SENT]


@dataclass
class StallWatch:
    """Tells each stall once, and once that it is over."""

    limit_minutes: float
    _stall: Stall | None = None

    def update(self, work: Backlog) -> "Stall | StallOver | None":
        """What is new since the last look."""
        before, self._stall = self._stall, find_stall(work, self.limit_minutes)
        if before is None:
            return self._stall
        return StallOver(before.seconds) if self._stall is None else None


@dataclass(frozen=True, slots=True)
class StallOver:
    """A stall has ended, which was this long when it was told."""

    seconds: float

    def __str__(self) -> str:
        return "Images end again"
