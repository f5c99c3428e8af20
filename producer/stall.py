"""Detects stalls: images wait, and none has ended for too long."""

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
    """Seconds for which images have waited while none ended, and the likely causes."""

    seconds: float
    causes: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Nothing has ended for {round(self.seconds / 60)} minutes although work waits. "
            f"Likely: {'; or '.join(self.causes)}"
        )


def find_stall(backlog: Backlog, limit_minutes: float) -> Stall | None:
    """Returns the stall that the backlog shows, or None."""
    if not backlog.left or backlog.idle_seconds < 60 * limit_minutes:
        return None
    return Stall(backlog.idle_seconds, tuple(_likely_causes(backlog)))


def _likely_causes(backlog: Backlog) -> list[str]:
    """Derives causes from the ledger: whether images were sent, begun or handed back."""
    causes = []
    if backlog.returned:
        causes.append(STORE_UNREACHABLE)
    if backlog.begun:
        causes.append(CANNOT_LOAD)
    if backlog.queued and not causes:
        causes.append(NO_WORKER)
    return causes or [NOT_SENT]


@dataclass
class StallWatch:
    """Reports each stall once, and its end once."""

    limit_minutes: float
    _stall: Stall | None = None

    def update(self, backlog: Backlog) -> "Stall | StallOver | None":
        """Returns the change since the last update: a stall, its end, or None."""
        before, self._stall = self._stall, find_stall(backlog, self.limit_minutes)
        if before is None:
            return self._stall
        return StallOver(before.seconds) if self._stall is None else None


@dataclass(frozen=True, slots=True)
class StallOver:
    """The end of a stall, with its length in seconds when it was reported."""

    seconds: float

    def __str__(self) -> str:
        return "Images end again"
