"""How far a submission is, on standard error: a bar on a terminal, else a line now and then."""

from dataclasses import dataclass
from typing import Protocol

from hkplates.database.queries.submissions import Counts


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """How far a submission is at one moment."""

    listed: int
    skipped: int
    counts: Counts
    listing: bool


class Progress(Protocol):
    """Shows how far a submission is."""

    def due(self) -> bool:
        """Whether it is time to show again."""
        ...

    def show(self, snapshot: ProgressSnapshot) -> None: ...

    def print_message(self, message: str) -> None:
        """A sentence that stays."""
        ...

    def wait_at_least(self, seconds: float) -> None:
        """Do not ask again before; where counting millions of rows takes long, count rarely."""
        ...

    def close(self) -> None: ...
