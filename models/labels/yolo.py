"""Reads YOLO label files, a .txt for each photograph: boxes, four corners, polygons.

A line is the class's number and shares of the picture's width and height: four for a box (middle,
width, height), eight for an oriented box's corners, more for a polygon. With `kpt_shape: [4, ...]`
in data.yaml a box is followed by four key points, the plate's corners: a polygon has just as many
numbers, so that only data.yaml tells them apart. Names of classes stand in data.yaml, classes.txt
or obj.names; a text of the plate stands nowhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from models.labels.records import AnnotatedPhoto, LabelError, Reason, Record, Shape, Unusable
from models.labels.xml_files import number_of

NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt", "labels.txt")
OTHER_FILES = {*NAME_FILES, "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt"}
SHARE_LIMIT = 8.0  # shares beyond it are pixels, or no label


@dataclass(frozen=True, slots=True)
class DataSet:
    """What is told of all label files: names of classes, and numbers of a key point (0: none)."""

    names: Mapping[int, str]
    point_numbers: int = 0


def read(files: Sequence[Path], root: Path) -> Iterator[Record]:
    """Reads label files; names of classes are looked for in the folder `root` and beside them.

    Raises:
        LabelError: names of classes are told, and cannot be read.
    """
    known: dict[Path, DataSet] = {}
    for path in files:
        if path.parent not in known:
            known[path.parent] = _data_set(path.parent, root)
        try:
            yield _photo(path, known[path.parent])
        except Unusable as unusable:
            yield unusable


def _photo(path: Path, data: DataSet) -> AnnotatedPhoto:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeError:
        raise Unusable(Reason.LABEL_DAMAGED, f"{path.name} is no text") from None
    shapes = tuple(_shape(path, n, line, data) for n, line in enumerate(lines, 1) if line.strip())
    return AnnotatedPhoto(path.stem, path, None, shapes, "shares")


def _shape(path: Path, number: int, line: str, data: DataSet) -> Shape:
    where = f"{path.name}, line {number}"
    label, *values = (number_of(word, where) for word in line.split())
    if label != int(label) or label < 0:
        raise Unusable(
            Reason.LABEL_DAMAGED, f"{where} begins with {label}, expected a class number"
        )
    if values and max(map(abs, values)) > SHARE_LIMIT:
        raise Unusable(
            Reason.LABEL_DAMAGED, f"{where} has {max(values):g}, expected shares from 0 to 1"
        )
    return Shape(data.names.get(int(label), str(int(label))), _points(where, values, data))


def _points(where: str, values: Sequence[float], data: DataSet) -> np.ndarray:
    if len(values) == 4:
        middle, size = np.array(values[:2]), np.array(values[2:])
        return np.array([middle - size / 2, middle + size / 2])
    if data.point_numbers and len(values) == 4 + 4 * data.point_numbers:
        return np.array(values[4:]).reshape(4, data.point_numbers)[:, :2]
    if len(values) >= 8 and len(values) % 2 == 0 and not data.point_numbers:
        return np.array(values).reshape(-1, 2)
    raise Unusable(
        Reason.LABEL_DAMAGED,
        f"{where} has {len(values)} numbers after the class, expected 4 (box), 8 (corners) or an "
        "even number from 8 on (polygon)",
    )


def _data_set(folder: Path, root: Path) -> DataSet:
    """Finds what is told of the label files in a folder, there or in a folder above up to root."""
    place = folder
    while True:
        told = _yaml_data_set(place) or _listed_names(place)
        if told is not None:
            return told
        if place == root or root not in place.parents:
            return DataSet({})
        place = place.parent


def _yaml_data_set(folder: Path) -> DataSet | None:
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            told = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        except (UnicodeError, yaml.YAMLError) as error:
            raise LabelError(f"{path} cannot be read: {error}") from None
        names = told.get("names") if isinstance(told, dict) else None
        pairs = (
            names.items()
            if isinstance(names, dict)
            else enumerate(names if isinstance(names, list) else ())
        )
        by_number = {key: name for key, name in pairs if isinstance(name, str | int)}
        if not by_number:
            continue
        if not all(isinstance(key, int) for key in by_number):
            raise LabelError(f"{path} names classes by {min(map(str, by_number))}, not by numbers.")
        shape = told.get("kpt_shape")
        corners = isinstance(shape, list) and shape in ([4, 2], [4, 3])
        texts = {key: str(name) for key, name in by_number.items()}
        return DataSet(texts, shape[1] if corners else 0)
    return None


def _listed_names(folder: Path) -> DataSet | None:
    for name in NAME_FILES:
        path = folder / name
        if path.is_file():
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            return DataSet({key: line.strip() for key, line in enumerate(lines) if line.strip()})
    return None
