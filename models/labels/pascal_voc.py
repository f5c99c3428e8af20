"""Reads Pascal VOC XML, a file for each photograph: LabelImg, and exports of CVAT and Roboflow.

LabelImg's own first labels had the mark as the object's name (models/labels/plates.py). Beside the
upright box, roLabelImg's `robndbox` and the polygon of Roboflow's exports are read.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from models.labels.geometry import box_corners, rotate
from models.labels.records import AnnotatedPhoto, Reason, Record, Shape, Unusable
from models.labels.xml_files import number_of, parse_xml, text_of

SIDES = ("xmin", "ymin", "xmax", "ymax")


def read(files: Sequence[Path]) -> Iterator[Record]:
    """Reads label files, each of one photograph."""
    for path in files:
        try:
            yield _photo(path, parse_xml(path))
        except Unusable as unusable:
            yield unusable


def _photo(path: Path, root: Element) -> AnnotatedPhoto:
    """Reads a file; where it names no photograph, one of its own name is meant."""
    named = text_of(root, "filename") or text_of(root, "path") or path.stem
    size = tuple(int(number_of(text_of(root, f"size/{side}", "0"), side)) for side in _SIZE)
    shapes = tuple(_shape(path, element) for element in root.iter("object"))
    # Some tools write a size of zero where they did not look.
    return AnnotatedPhoto(named, path, (size[0], size[1]) if min(size) > 0 else None, shapes)


_SIZE = ("width", "height")


def _shape(path: Path, element: Element) -> Shape:
    points, unusable = np.zeros((2, 2)), None
    try:
        points = _points(path, element)
    except Unusable as found:
        unusable = found
    attributes = {
        text_of(one, "name").lower(): text_of(one, "value") for one in element.iter("attribute")
    }
    return Shape(
        name=text_of(element, "name"),
        points=points,
        attributes=attributes,
        uncertain=text_of(element, "difficult") == "1",
        unusable=unusable,
    )


def _points(path: Path, element: Element) -> np.ndarray:
    rotated, polygon, box = (element.find(tag) for tag in ("robndbox", "polygon", "bndbox"))
    if rotated is not None:
        return _rotated_box(path, rotated)
    if polygon is not None and (corners := _polygon(path, polygon)) is not None:
        return corners
    if box is None:
        raise Unusable(Reason.SHAPE_UNKNOWN, f"{path.name} has an object without bndbox")
    left, top, right, bottom = (
        number_of(text_of(box, side), f"{side} in {path.name}") for side in SIDES
    )
    return np.array([[left, top], [right, bottom]])


def _rotated_box(path: Path, box: Element) -> np.ndarray:
    """Returns corners of roLabelImg's box: its middle, its sides, and an angle in radians."""
    x, y, width, height, angle = (
        number_of(text_of(box, side), f"{side} in {path.name}")
        for side in ("cx", "cy", "w", "h", "angle")
    )
    middle, half = np.array([x, y]), np.array([width, height]) / 2
    return rotate(box_corners(np.array([middle - half, middle + half])), np.degrees(angle), middle)


def _polygon(path: Path, polygon: Element) -> np.ndarray | None:
    """Returns the points x1, y1, x2, y2 ... of a polygon; None where it has fewer than four."""
    points: list[list[float]] = []
    while (x := polygon.findtext(f"x{len(points) + 1}")) is not None:
        y = polygon.findtext(f"y{len(points) + 1}")
        points.append([number_of(x, f"x in {path.name}"), number_of(y, f"y in {path.name}")])
    return np.array(points) if len(points) >= 4 else None
