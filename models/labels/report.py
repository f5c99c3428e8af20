"""Collects what was imported, and what was not and why, and says it to a person."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.labels.records import Reason, Unusable

TRAIN, HELD_BACK = "train", "dev"
"""Names of the two sides of the split, and of their folders."""

MOST_EXAMPLES = 3


@dataclass(slots=True)
class Report:
    """What was imported, and what was not and why."""

    forms: list[str] = field(default_factory=list)
    unused: dict[Reason, list[str]] = field(default_factory=lambda: defaultdict(list))
    names: Counter[str] = field(default_factory=Counter)
    stored: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    sides: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def drop(self, unusable: Unusable) -> None:
        """Notes something that cannot be used."""
        self.unused[unusable.reason].append(unusable.detail)

    def in_words(self) -> str:
        """Returns it for a person."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from self.forms
        if self.names:
            yield f"objects named after their marks: {_some(sorted(self.names))}"
        for side, rows in self.sides.items():
            plates = [plate for row in rows for plate in row["plates"]]
            told = sum(bool(plate["text"]) for plate in plates)
            yield f"{side}: {len(rows)} photographs, {len(plates)} plates, {told} with their text"
        if self.sides and not self.sides[HELD_BACK]:
            yield "nothing could be held back: all photographs show the same vehicle"
        if self.unread:
            yield f"plates whose text is no mark (kept as raw_text): {_some(self.unread)}"
        if self.foreign:
            yield (
                "taken for another place's plates: one row, neither white nor yellow, without "
                f"text (an attribute region=HK says otherwise): {_some(self.foreign)}"
            )
        if self.stored:
            yield f"turned by EXIF and labelled as stored: {_some(self.stored)}"
        if self.assumed:
            yield (
                "turned by EXIF and taken as labelled upright, which their size does not tell (see "
                f"plates.png; else --frame stored): {_some(self.assumed)}"
            )
        for reason, details in sorted(self.unused.items()):
            yield f"not used, {reason}: {_some(details)}"


def _some(details: Sequence[str]) -> str:
    more = f" and {len(details) - MOST_EXAMPLES} more" if len(details) > MOST_EXAMPLES else ""
    return f"{len(details)} ({'; '.join(details[:MOST_EXAMPLES])}{more})"
