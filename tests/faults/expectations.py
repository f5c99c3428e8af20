"""Compares how every image must outcome with what the tables say, as a list of differences."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ObjectId = tuple[str, str]
"""Names an image: its key and its ETag."""
Plates = tuple[tuple[Any, ...], ...]
"""The plates of an image in their order, each with every column that a reading has."""

MAX_DIFFERENCES = 40  # differences that are listed one by one


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state in which an image ended, or must, with its reason and its plates."""

    state: str
    reason: str | None = None
    superseded: bool = False
    plates: Plates = ()

    def __str__(self) -> str:
        return self.state if self.reason is None else f"{self.state}: {self.reason}"


def differences(
    expected: Mapping[ObjectId, Outcome], found: Iterable[tuple[ObjectId, Outcome]]
) -> list[str]:
    """Lists every way in which what was found is not exactly what was expected."""
    rows: dict[ObjectId, list[Outcome]] = defaultdict(list)
    for name, outcome in found:
        rows[name].append(outcome)
    found_differences = [f"{_label(name)}: no row" for name in expected if name not in rows]
    for name, outcomes in rows.items():
        if name not in expected:
            found_differences.append(f"{_label(name)}: a row that nobody submitted")
        elif len(outcomes) > 1:
            found_differences.append(f"{_label(name)}: {len(outcomes)} rows")
        else:
            found_differences += [
                f"{_label(name)}: {difference}"
                for difference in _compare(expected[name], outcomes[0])
            ]
    return found_differences


def leaks(secrets: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """Lists which credentials stand in which texts (logs, rows, messages); never the credential."""
    return [
        f"{place} holds {credential}"
        for place, text in texts.items()
        for credential, secret in secrets.items()
        if secret in text
    ]


def truncated(found_differences: Sequence[str]) -> list[str]:
    """Returns the first of many differences, and how many more there are."""
    rest = len(found_differences) - MAX_DIFFERENCES
    return [*found_differences[:MAX_DIFFERENCES], *([f"... and {rest:,} more"] if rest > 0 else [])]


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
