"""Parses JSON files of labels, and what is read of them."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.labels.records import Reason, Unusable


def parse_json(path: Path) -> Any:
    """Parses a file.

    Raises:
        Unusable: it is no JSON.
    """
    try:
        return parse_text(path.read_text(encoding="utf-8-sig"))
    except (UnicodeError, ValueError, RecursionError) as error:
        raise Unusable(Reason.LABEL_DAMAGED, f"{path.name} is no JSON: {error}") from None


def parse_text(text: str) -> Any:
    """Parses JSON.

    Raises:
        ValueError: it is none, or has half a character (`\\ud800`), which no file can hold.
        RecursionError: it is nested too deep.
    """
    parsed = json.loads(text)
    if "\\ud" in text.lower():
        json.dumps(parsed, ensure_ascii=False).encode()
    return parsed


def finite(values: Any, count: int, what: str) -> list[float]:
    """Returns `count` numbers.

    Raises:
        Unusable: they are no list, not so many, or no finite numbers; `what` names them.
    """
    known = isinstance(values, Sequence) and len(values) == count and all(map(_is_finite, values))
    if not known:
        raise Unusable(Reason.LABEL_DAMAGED, f"{what} is {values!r:.80}, expected {count} numbers")
    return [float(value) for value in values]


def point_list(values: Any, what: str) -> np.ndarray:
    """Returns points (n, 2) of a list of pairs.

    Raises:
        Unusable: it is none.
    """
    pairs = values if isinstance(values, list) else []
    if not pairs or not all(isinstance(pair, list) for pair in pairs):
        raise Unusable(Reason.LABEL_DAMAGED, f"{what} is {values!r:.80}, expected pairs of numbers")
    return np.array([finite(pair, 2, what) for pair in pairs])


def size_of(fields: Any, width: str, height: str) -> tuple[int, int] | None:
    """Returns the size that an object tells, None where it tells none."""
    sides: list[Any] = [fields.get(name) for name in (width, height)]
    known = all(_is_finite(side) and side > 0 for side in sides)
    return (round(sides[0]), round(sides[1])) if known else None


def _is_finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except (TypeError, OverflowError):
        return False
