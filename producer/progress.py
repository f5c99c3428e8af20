"""The interface of a progress display, and the snapshot that it shows."""

from dataclasses import dataclass
from typing import Protocol

from hkplates.database.queries.submissions import Counts


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """The progress of a submission at one moment."""

    listed: int
    skipped: int
    counts: Counts
    listing: bool


class Progress(Protocol):
    """A display of a submission's progress."""

    def due(self) -> bool:
        """Returns whether it is time to show the next snapshot."""
        ...

    def show(self, snapshot: ProgressSnapshot) -> None: ...

    def print_message(self, message: str) -> None:
        """Prints a sentence that stays."""
        ...

    def wait_at_least(self, seconds: float) -> None:
        """Postpones the next snapshot: where counting millions of rows takes long, count rarely."""
        ...

    def close(self) -> None: ...
