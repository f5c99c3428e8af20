"""Reads COCO JSON: bbox, polygons, four key points, and attributes as CVAT writes them.

CVAT writes a rotated box as it is before its rotation, and the degrees, clockwise about its
middle, into `attributes.rotation`. Label Studio writes the size of the file as it is stored; of a
photograph that EXIF rotates, its rectangles are then in upright pixels and its polygons in upright
shares times the stored size, so that no frame fits both.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.labels.geometry import box_corners, rotate
from models.labels.json_files import finite, parse_json, size_of
from models.labels.records import AnnotatedPhoto, Reason, Record, Shape, Unusable

Fields = Mapping[str, Any]
PLACE = {"bbox", "segmentation", "keypoints", "attributes"}


def read(files: Sequence[Path]) -> Iterator[Record]:
    """Reads label files, each of many photographs."""
    for path in files:
        try:
            yield from _photos(path, parse_json(path))
        except Unusable as unusable:
            yield unusable


def _photos(path: Path, parsed: Any) -> Iterator[Record]:
    images, annotations, categories = (
        _objects(path, parsed, name) for name in ("images", "annotations", "categories")
    )
    names = {
        _key(one.get("id"), f"id of a category in {path.name}"): str(one.get("name", ""))
        for one in categories
    }
    of_image: dict[Any, list[Fields]] = defaultdict(list)
    for annotation in annotations:
        try:
            image_id = _key(annotation.get("image_id"), f"image_id in {path.name}")
        except Unusable as unusable:
            yield unusable
        else:
            of_image[image_id].append(annotation)
    info = parsed.get("info")
    by_label_studio = isinstance(info, dict) and info.get("contributor") == "Label Studio"
    for image in images:
        try:
            yield _photo(path, image, of_image, names, by_label_studio=by_label_studio)
        except Unusable as unusable:
            yield unusable
    for image_id, lost in of_image.items():
        yield Unusable(
            Reason.LABEL_DAMAGED,
            f"{path.name} has {len(lost)} annotations of an image {image_id} that it does not list",
        )


def _photo(
    path: Path,
    image: Fields,
    of_image: dict[Any, list[Fields]],
    names: Mapping[Any, str],
    *,
    by_label_studio: bool,
) -> AnnotatedPhoto:
    """Reads an image, and takes its annotations out of `of_image`."""
    file = image.get("file_name")
    if not isinstance(file, str):
        raise Unusable(Reason.LABEL_DAMAGED, f"an image in {path.name} has no file_name")
    told = of_image.pop(_key(image.get("id"), f"id of {file} in {path.name}"), [])
    shapes = tuple(_shape(f"{file} in {path.name}", one, names) for one in told)
    size = size_of(image, "width", "height")
    return AnnotatedPhoto(file, path, size, shapes, size_is_stored=by_label_studio)


def _key(value: Any, what: str) -> Any:
    """Returns an id, by which things are found.

    Raises:
        Unusable: it is a list or an object; `what` names it.
    """
    if isinstance(value, list | dict):
        raise Unusable(Reason.LABEL_DAMAGED, f"{what} is {value!r:.80}, expected a number")
    return value


def _objects(path: Path, parsed: Any, name: str) -> list[Fields]:
    values = parsed.get(name) if isinstance(parsed, dict) else None
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise Unusable(Reason.LABEL_DAMAGED, f"{path.name} has no list of {name}")
    return values


def _shape(where: str, annotation: Fields, names: Mapping[Any, str]) -> Shape:
    told = annotation.get("attributes")
    attributes = {**annotation, **told} if isinstance(told, dict) else annotation
    category = _key(annotation.get("category_id"), f"category_id on {where}")
    points, unusable = np.zeros((2, 2)), None
    try:
        points = _points(where, annotation, told if isinstance(told, dict) else {})
    except Unusable as found:
        unusable = found
    return Shape(
        names.get(category, str(category)),
        points,
        {str(k).lower(): str(v) for k, v in attributes.items() if isinstance(v, str | int)},
        unusable=unusable,
    )


def _points(where: str, annotation: Fields, attributes: Fields) -> np.ndarray:
    if annotation.get("iscrowd") == 1:
        raise Unusable(Reason.SHAPE_UNKNOWN, f"a crowd (iscrowd) on {where}")
    corners = annotation.get("keypoints")
    if isinstance(corners, list) and len(corners) == 12 and all(corners[2::3]):
        return np.array(finite(corners, 12, f"keypoints of {where}")).reshape(4, 3)[:, :2]
    polygon = annotation.get("segmentation")
    if isinstance(polygon, list) and not all(isinstance(part, list) for part in polygon):
        raise Unusable(Reason.LABEL_DAMAGED, f"segmentation of {where} is no list of lists")
    if isinstance(polygon, list) and len(polygon) == 1 and len(polygon[0]) >= 8:
        flat = polygon[0][: len(polygon[0]) // 2 * 2]
        return np.array(finite(flat, len(flat), f"segmentation of {where}")).reshape(-1, 2)
    box = annotation.get("bbox")
    if not isinstance(box, list):
        raise Unusable(Reason.SHAPE_UNKNOWN, f"an annotation without bbox on {where}")
    x, y, width, height = finite(box, 4, f"bbox of {where}")
    points = np.array([[x, y], [x + width, y + height]])
    degrees = finite([attributes.get("rotation") or 0], 1, f"rotation of {where}")[0]
    return rotate(box_corners(points), degrees, points.mean(axis=0)) if degrees else points
