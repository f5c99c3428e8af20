"""Reads our own form, a .jsonl of labels beside its photographs, as `hkplates corrections` writes.

What the page's people corrected comes in here, to be split together with what was labelled in
other tools.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.labels.json_files import finite, parse_text, point_list, size_of
from models.labels.records import AnnotatedPhoto, Reason, Record, Shape, Unusable

KEPT = {"hk": bool, "raw_text": str, "text_guess": str, "note": str}
CLASS = "plate"


def read(files: Sequence[Path]) -> Iterator[Record]:
    """Reads label files, a line for each photograph."""
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeError:
            yield Unusable(Reason.LABEL_DAMAGED, f"{path.name} is no text")
            continue
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _record(path, f"{path.name}, line {number}", line)


def _record(path: Path, where: str, line: str) -> Record:
    try:
        row = parse_text(line)
        if not isinstance(row, dict) or not isinstance(row.get("file"), str):
            raise Unusable(Reason.LABEL_DAMAGED, f"{where} names no file")
        plates = row.get("plates") or []
        if not isinstance(plates, list):
            raise Unusable(Reason.LABEL_DAMAGED, f"{where} has plates that are no list")
        shapes = tuple(_shape(where, plate) for plate in plates)
        return AnnotatedPhoto(row["file"], path, size_of(row, "width", "height"), shapes)
    except (ValueError, RecursionError) as error:
        return Unusable(Reason.LABEL_DAMAGED, f"{where} is no JSON: {error}")
    except Unusable as unusable:
        return unusable


def _shape(where: str, plate: Any) -> Shape:
    if not isinstance(plate, dict):
        raise Unusable(Reason.LABEL_DAMAGED, f"{where} has a plate that is no object")
    if plate.get("quad"):
        points = point_list(plate["quad"], f"quad in {where}")
    else:
        x, y, width, height = finite(plate.get("box") or [], 4, f"box in {where}")
        points = np.array([[x, y], [x + width, y + height]])
    told = {name: plate.get(name) for name in ("text", "lines", "color")}
    attributes = {name: str(value) for name, value in told.items() if value is not None}
    kept = {name: plate[name] for name in KEPT if plate.get(name) is not None}
    for name, value in kept.items():
        if not isinstance(value, KEPT[name]):
            raise Unusable(Reason.LABEL_DAMAGED, f"{name} in {where} is {value!r:.80}")
    return Shape(CLASS, points, attributes, fields=kept)
