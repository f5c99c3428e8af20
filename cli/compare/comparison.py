"""Counts what changed between two model versions, plate by plate."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from hkplates.database.queries.version_pairs import Reading, VersionPair
from hkplates.recognition.geometry import greedy_match

Kind = Literal["read_differently", "only_in_old", "only_in_new"]
MIN_CONFIDENCE_CHANGE = 0.05
"""Confidences that differ by less count as equal."""
GROUPS = ("region", "rows", "colour")


@dataclass(frozen=True, slots=True)
class Change:
    """A plate whose mark is another under the new version, or that one version alone found."""

    kind: Kind
    image_id: int
    uri: str
    old: Reading | None
    new: Reading | None

    @property
    def total_confidence(self) -> float:
        """Sum of both confidences: two sure readings that contradict each other rank first."""
        return sum(reading.confidence for reading in (self.old, self.new) if reading)

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints: a contract."""
        return {
            "change": self.kind,
            "image_id": self.image_id,
            "uri": self.uri,
            "old": _reading_as_json(self.old),
            "new": _reading_as_json(self.new),
        }


@dataclass
class Tally:
    """Counts of plates found by both versions (`same` mark or `read_differently`), or by one alone.

    Of those read the same, the sums of confidences, and how many are surer or less sure by NOTICED.
    """

    same: int = 0
    read_differently: int = 0
    only_in_old: int = 0
    only_in_new: int = 0
    surer: int = 0
    less_sure: int = 0
    old_sum: float = 0.0
    new_sum: float = 0.0

    @property
    def found_by_both(self) -> int:
        return self.same + self.read_differently

    def add_same(self, old: Reading, new: Reading) -> None:
        self.same += 1
        self.old_sum += old.confidence
        self.new_sum += new.confidence
        self.surer += new.confidence - old.confidence >= MIN_CONFIDENCE_CHANGE
        self.less_sure += old.confidence - new.confidence >= MIN_CONFIDENCE_CHANGE

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints: a contract.

        Confidences are means over the same plates.
        """
        return {
            "same": self.same,
            "read_differently": self.read_differently,
            "only_in_old": self.only_in_old,
            "only_in_new": self.only_in_new,
            "confidence": {
                "old": round(self.old_sum / self.same, 4) if self.same else None,
                "new": round(self.new_sum / self.same, 4) if self.same else None,
                "surer": self.surer,
                "less_sure": self.less_sure,
            },
        }


@dataclass
class Comparison:
    """Counts for two versions over the images that both have read.

    `groups` counts by region, rows and colour, as OLD saw them, or NEW where OLD saw nothing. Of
    the plates read differently: `new_surer` is how many NEW is surer of, `unread_in_old` and
    `unread_in_new` how many have no mark in one, `incomplete_in_old` and `incomplete_in_new` how
    many are not seen whole by one. `other_region`: the same mark, and elsewhere.
    """

    old: int
    new: int
    images: int = 0
    images_changed: int = 0
    new_surer: int = 0
    unread_in_old: int = 0
    unread_in_new: int = 0
    incomplete_in_old: int = 0
    incomplete_in_new: int = 0
    other_region: int = 0
    total: Tally = field(default_factory=Tally)
    groups: dict[str, dict[str, Tally]] = field(
        default_factory=lambda: {name: {} for name in GROUPS}
    )

    def add(self, image: VersionPair) -> Iterator[Change]:
        """Counts an image; yields what changed on it."""
        self.images += 1
        pairs = greedy_match([r.corners for r in image.old], [r.corners for r in image.new])
        both = [(image.old[i], image.new[j]) for i, j in pairs]
        lost = [r for i, r in enumerate(image.old) if i not in {pair[0] for pair in pairs}]
        gained = [r for j, r in enumerate(image.new) if j not in {pair[1] for pair in pairs}]
        changes = [
            *(change for old, new in both if (change := self._add_pair(image, old, new))),
            *(self._add_unpaired(image, "only_in_old", reading) for reading in lost),
            *(self._add_unpaired(image, "only_in_new", reading) for reading in gained),
        ]
        self.images_changed += bool(changes)
        yield from changes

    def _add_pair(self, image: VersionPair, old: Reading, new: Reading) -> Change | None:
        if old.pattern == new.pattern:
            self.other_region += old.region != new.region
            for tally in self._tallies(old):
                tally.add_same(old, new)
            return None
        self.new_surer += new.confidence > old.confidence
        self.unread_in_old += not old.mark
        self.unread_in_new += not new.mark
        self.incomplete_in_old += not old.complete
        self.incomplete_in_new += not new.complete
        for tally in self._tallies(old):
            tally.read_differently += 1
        return Change("read_differently", image.image_id, image.uri, old, new)

    def _add_unpaired(
        self, image: VersionPair, kind: Literal["only_in_old", "only_in_new"], reading: Reading
    ) -> Change:
        for tally in self._tallies(reading):
            setattr(tally, kind, getattr(tally, kind) + 1)
        pair = (reading, None) if kind == "only_in_old" else (None, reading)
        return Change(kind, image.image_id, image.uri, *pair)

    def _tallies(self, reading: Reading) -> Iterator[Tally]:
        yield self.total
        for name, group in self.groups.items():
            yield group.setdefault(str(getattr(reading, name)), Tally())

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints: a contract."""
        return {
            "old": self.old,
            "new": self.new,
            "images": self.images,
            "images_changed": self.images_changed,
            **self.total.as_json(),
            "new_surer_of_those_read_differently": self.new_surer,
            "unread_in_old": self.unread_in_old,
            "unread_in_new": self.unread_in_new,
            "incomplete_in_old": self.incomplete_in_old,
            "incomplete_in_new": self.incomplete_in_new,
            "same_mark_other_region": self.other_region,
            "groups": {
                name: {value: tally.as_json() for value, tally in sorted(group.items())}
                for name, group in self.groups.items()
            },
        }


def compare(
    images: Iterable[VersionPair], old: int, new: int, most_changes: int
) -> tuple[Comparison, list[Change]]:
    """Counts all images; returns with the counts the `most_changes` surest changes."""
    counted = Comparison(old, new)
    changes = (change for image in images for change in counted.add(image))
    surest = heapq.nlargest(most_changes, changes, key=lambda change: change.total_confidence)
    for _ in changes:  # where none were asked for, nobody has looked at the images yet
        pass
    return counted, surest


def _reading_as_json(reading: Reading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    fields = asdict(reading)
    return {**fields, "corners": [list(point) for point in reading.corners]}
