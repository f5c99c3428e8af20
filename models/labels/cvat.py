"""Reads CVAT's own XML for images, version 1.1: boxes, also rotated ones, polygons and points.

A box's `rotation` is in degrees, clockwise about its middle; its sides are those before it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from models.labels.geometry import box_corners, rotate
from models.labels.records import AnnotatedPhoto, Reason, Record, Shape, Unusable
from models.labels.xml_files import number_of, parse_xml

SIDES = ("xtl", "ytl", "xbr", "ybr")


def read(files: Sequence[Path]) -> Iterator[Record]:
    """Reads label files, each of a task or project."""
    for path in files:
        try:
            root = parse_xml(path)
            if root.find("track") is not None:
                raise Unusable(
                    Reason.LABEL_DAMAGED,
                    f'{path.name} is "CVAT for video", whose frames are no files: export the task '
                    'again as "CVAT for images 1.1", with images',
                )
        except Unusable as unusable:
            yield unusable
            continue
        yield from (_photo(path, image) for image in root.iter("image"))


def _photo(path: Path, image: Element) -> Record:
    try:
        size = tuple(int(number_of(image.get(side, "0"), side)) for side in ("width", "height"))
        shapes = tuple(_shape(path, element) for element in image if element.get("label"))
    except Unusable as unusable:
        return unusable
    named = image.get("name") or ""
    return AnnotatedPhoto(named, path, (size[0], size[1]) if min(size) > 0 else None, shapes)


def _shape(path: Path, element: Element) -> Shape:
    points, unusable = np.zeros((2, 2)), None
    try:
        points = _points(path, element)
    except Unusable as found:
        unusable = found
    attributes = {
        (one.get("name") or "").lower(): (one.text or "").strip()
        for one in element.iter("attribute")
    }
    return Shape(element.get("label") or "", points, attributes, unusable=unusable)


def _points(path: Path, element: Element) -> np.ndarray:
    if element.tag == "box":
        left, top, right, bottom = (
            number_of(element.get(side), f"{side} in {path.name}") for side in SIDES
        )
        degrees = number_of(element.get("rotation", "0"), f"rotation in {path.name}")
        corners = np.array([[left, top], [right, bottom]])
        return rotate(box_corners(corners), degrees, corners.mean(axis=0)) if degrees else corners
    if element.tag in ("polygon", "points"):
        pairs = [pair.split(",") for pair in (element.get("points") or "").split(";")]
        if len(pairs) >= 4 and all(len(pair) == 2 for pair in pairs):
            return np.array(
                [[number_of(value, f"points in {path.name}") for value in pair] for pair in pairs]
            )
        raise Unusable(Reason.BOX_EMPTY, f"a {element.tag} in {path.name} has not four points")
    raise Unusable(Reason.SHAPE_UNKNOWN, f"a {element.tag} in {path.name}")
