"""What must have become of every image, against what the tables say: a list of differences."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ObjectId = tuple[str, str]
"""An image: its key and its ETag."""
Plates = tuple[tuple[Any, ...], ...]
"""The plates of an image in their order, each with every column that a reading has."""

MAX_DIFFERENCES = 40  # differences that are told one by one


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an image ended, or must."""

    state: str
    reason: str | None = None
    superseded: bool = False
    plates: Plates = ()

    def __str__(self) -> str:
        return self.state if self.reason is None else f"{self.state}: {self.reason}"


def differences(
    expected: Mapping[ObjectId, Outcome], found: Iterable[tuple[ObjectId, Outcome]]
) -> list[str]:
    """Every way in which what was found is not exactly what was expected."""
    rows: dict[ObjectId, list[Outcome]] = defaultdict(list)
    for name, end in found:
        rows[name].append(end)
    told = [f"{_label(name)}: no row" for name in expected if name not in rows]
    for name, ends in rows.items():
        if name not in expected:
            told.append(f"{_label(name)}: a row that nobody submitted")
        elif len(ends) > 1:
            told.append(f"{_label(name)}: {len(ends)} rows")
        else:
            told += [f"{_label(name)}: {what}" for what in _compare(expected[name], ends[0])]
    return told


def leaks(secrets: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Which credentials stand in which texts (logs, rows, messages); never the credential."""
    return [
        f"{place} holds {whose}"
        for place, text in texts.items()
        for whose, secret in secrets.items()
        if secret in text
    ]


def truncated(told: Sequence[str]) -> list[str]:
    """The first of many differences, and how many more there are."""
    rest = len(told) - MAX_DIFFERENCES
    return [*told[:MAX_DIFFERENCES], *([f"... and {rest:,} more"] if rest > 0 else [])]


def _compare(expected: Outcome, found: Outcome) -> Iterable[str]:
    if (expected.state, expected.reason) != (found.state, found.reason):
        yield f"expected {expected}, found {found}"
    if expected.superseded != found.superseded:
        yield f"expected superseded to be {expected.superseded}, found {found.superseded}"
    if len(expected.plates) != len(found.plates):
        yield f"expected {len(expected.plates)} plates, found {len(found.plates)}"
        return
    for number, (one, other) in enumerate(zip(expected.plates, found.plates, strict=True)):
        if one != other:
            unlike = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
            yield f"plate {number}: expected {unlike[0][0]!r:.80}, found {unlike[0][1]!r:.80}"


def _label(name: ObjectId) -> str:
    key, etag = name
    return f"{key!r} ({etag[:8]})"
