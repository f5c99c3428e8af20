"""Reads Label Studio's JSON exports, whole (JSON) and short (JSON-MIN).

Places are in percent of the picture. A rectangle's `rotation` is in degrees, clockwise about its
top left corner, in pixels: turned in percent it would be sheared where the picture is not square.
What is told of a region (its class, its text, a choice) are results of their own with the region's
id. A region that has a text and no class is a plate. Of several annotations of a task the ground
truth is taken, else the latest that was submitted.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from models.labels import vocabulary
from models.labels.geometry import box_corners, rotate
from models.labels.json_files import finite, parse_json, point_list, size_of
from models.labels.records import AnnotatedPhoto, Reason, Record, Shape, Unusable

Result = Mapping[str, Any]
CLASS_KEYS = ("rectanglelabels", "polygonlabels", "labels", "brushlabels", "ellipselabels")
TEXT_CLASS = "plate"  # of a region without a class
PLACE_KEYS = ("points", "width", "rle", "radiusX")
IMAGE_SUFFIX = re.compile(r"\.(jpe?g|png|webp|tiff?|bmp)$", re.IGNORECASE)


def read(files: Sequence[Path]) -> Iterator[Record]:
    """Reads exports, each a list of tasks or one task."""
    for path in files:
        try:
            parsed = parse_json(path)
        except Unusable as unusable:
            yield unusable
            continue
        for task in parsed if isinstance(parsed, list) else [parsed]:
            try:
                record = _photo(path, task)
            except Unusable as unusable:
                yield unusable
            else:
                if record is not None:
                    yield record


def _photo(path: Path, task: Any) -> AnnotatedPhoto | None:
    """Reads a task; None where nobody submitted an annotation of it."""
    if not isinstance(task, dict):
        raise Unusable(Reason.LABEL_DAMAGED, f"{path.name} has a task that is no object")
    if "annotations" not in task and "completions" not in task:
        return _short(path, task)
    results = _results(path, task)
    if results is None:
        return None
    file = _photo_name(path, task.get("data") or {}, task.get("file_upload"))
    regions = _by_region(results)
    whole = regions.pop("", [])
    sizes = {size for r in results if (size := size_of(r, "original_width", "original_height"))}
    if len(sizes) > 1:
        raise Unusable(Reason.SIZE_DISAGREES, f"{file} in {path.name} is told in several sizes")
    size = next(iter(sizes), None)
    shapes = [_shape(path, file, region, size) for region in regions.values()]
    placed = [shape for shape in shapes if shape is not None]
    if len(placed) == 1:  # a text of the whole picture is that of its one plate
        placed = [_with_attributes(placed[0], _attributes(whole))]
    return AnnotatedPhoto(file, path, size, _named(placed), "pixels" if size else "shares")


def _results(path: Path, task: Mapping[str, Any]) -> list[Result] | None:
    annotations = task.get("annotations") or task.get("completions") or []
    if not isinstance(annotations, list):
        raise Unusable(
            Reason.LABEL_DAMAGED, f"{path.name} has a task whose annotations are no list"
        )
    submitted = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
    if not submitted:
        return None
    best = max(submitted, key=lambda a: (bool(a.get("ground_truth")), str(a.get("updated_at"))))
    results = best.get("result") or []
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise Unusable(
            Reason.LABEL_DAMAGED,
            f"{path.name} has an annotation whose result is no list of objects",
        )
    return results


def _short(path: Path, task: Mapping[str, Any]) -> AnnotatedPhoto | None:
    """Reads a task of the short export: a list for each tag, and texts in the regions' order."""
    lists = {
        name: value
        for name, value in task.items()
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    }
    placed = [
        (name, one)
        for name, values in lists.items()
        for one in values
        if any(key in one for key in ("x", "points"))
    ]
    file = _photo_name(path, task, None)
    if not placed:
        return AnnotatedPhoto(file, path, None, ()) if "annotation_id" in task else None
    size = size_of(placed[0][1], "original_width", "original_height")
    shapes = [
        _shape(path, file, [{"value": one, "from_name": name, "type": ""}], size)
        for name, one in placed
    ]
    known = [shape for shape in shapes if shape is not None]
    for name, texts in _short_texts(task, lists):
        if len(texts) != len(known):
            raise Unusable(
                Reason.TEXT_UNCLEAR,
                f"{file} in {path.name} has {len(known)} regions and {len(texts)} of {name}: "
                "export as JSON, not as JSON-MIN",
            )
        known = [
            _with_attributes(shape, {name.lower(): text})
            for shape, text in zip(known, texts, strict=True)
        ]
    return AnnotatedPhoto(file, path, size, _named(known), "pixels" if size else "shares")


def _short_texts(
    task: Mapping[str, Any], lists: Mapping[str, Any]
) -> Iterator[tuple[str, list[str]]]:
    """Yields the name of each text area of the short export, and its texts."""
    for name, value in task.items():
        texts = [value] if isinstance(value, str) else value
        if name in lists or vocabulary.plain(name) not in vocabulary.TEXT_NAMES:
            continue
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            yield name, texts


def _photo_name(path: Path, data: object, upload: object) -> str:
    """Returns the file that a task is about, of its address in Label Studio or elsewhere."""
    if not isinstance(data, dict):
        raise Unusable(Reason.LABEL_DAMAGED, f"{path.name} has a task whose data is no object")
    strings = [value for value in data.values() if isinstance(value, str)]
    address = next(
        (v for v in strings if IMAGE_SUFFIX.search(v.partition("?")[0])),
        next(iter(strings), str(upload or "")),
    )
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise Unusable(
            Reason.LABEL_DAMAGED, f"{path.name} names {address!r:.80}: {error}"
        ) from None
    served = parse_qs(parts.query).get("d")  # /data/local-files/?d=folder/photo.jpg
    named = served[0] if served else unquote(parts.path) or address
    return named.lstrip("/") if not parts.scheme or served else named.rpartition("/")[2]


def _by_region(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Groups results by their region's id; "" has those that are about the whole picture."""
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[str(result.get("id") or "")].append(result)
    whole = [
        key
        for key, group in groups.items()
        if not any(_is_placed(result.get("value")) for result in group)
    ]
    return {
        **{key: group for key, group in groups.items() if key not in whole},
        "": [result for key in whole for result in groups[key]],
    }


def _is_placed(value: object) -> bool:
    return isinstance(value, dict) and any(key in value for key in PLACE_KEYS)


def _shape(
    path: Path, file: str, region: Sequence[Result], size: tuple[int, int] | None
) -> Shape | None:
    """Reads the results of a region; None where they are no place on the picture."""
    values = [r["value"] for r in region if isinstance(r.get("value"), dict)]
    place = next((value for value in values if _is_placed(value)), None)
    if place is None:
        return None
    names = [value[key] for value in values for key in CLASS_KEYS if value.get(key)]
    name = str(names[0][0]) if names and isinstance(names[0], list) else ""
    points, unusable = np.zeros((2, 2)), None
    try:
        turned = next((r for r in region if r.get("image_rotation")), None)
        if turned is not None:
            raise Unusable(
                Reason.SIZE_DISAGREES,
                f"{file} in {path.name} was turned by {turned['image_rotation']} degrees in Label "
                "Studio: turn the file itself, and label it as it then is",
            )
        points = _points(path, place, size)
    except Unusable as found:
        unusable = found
    return Shape(name, points, _attributes(region), unusable=unusable)


def _points(path: Path, place: Mapping[str, Any], size: tuple[int, int] | None) -> np.ndarray:
    scale = np.array(size or (1, 1)) / 100
    if "points" in place:
        return point_list(place["points"], f"points in {path.name}") * scale
    if "rle" in place or "radiusX" in place:
        raise Unusable(Reason.SHAPE_UNKNOWN, f"a brush or ellipse in {path.name}")
    sides = [place.get(name) for name in ("x", "y", "width", "height")]
    x, y, width, height = finite(sides, 4, f"x, y, width, height in {path.name}")
    corner = np.array([x, y]) * scale
    box = np.array([corner, corner + np.array([width, height]) * scale])
    degrees = finite([place.get("rotation") or 0], 1, f"rotation in {path.name}")[0]
    if degrees and size is None:
        raise Unusable(
            Reason.SIZE_DISAGREES, f"{path.name} has a turned box without original_width"
        )
    return rotate(box_corners(box), degrees, corner) if degrees else box


def _attributes(region: Sequence[Result]) -> dict[str, str]:
    """Returns texts and choices by the name of their tag; any text area is "transcription" too."""
    attributes: dict[str, str] = {}
    for result in region:
        value = result.get("value")
        told = value.get("text", value.get("choices")) if isinstance(value, dict) else None
        if isinstance(told, list):
            told = "\n".join(str(one) for one in told)
        if isinstance(told, str):
            attributes[str(result.get("from_name") or "").lower()] = told
            if result.get("type") == "textarea":
                attributes.setdefault("transcription", told)
    return attributes


def _with_attributes(shape: Shape, more: Mapping[str, str]) -> Shape:
    return replace(shape, attributes={**more, **shape.attributes})


def _named(shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    """Names regions that have a text and no class, of labelling set up without Labels, plates."""
    return tuple(
        replace(shape, name=TEXT_CLASS)
        if not shape.name and vocabulary.lookup(shape.attributes, vocabulary.TEXT_NAMES)
        else shape
        for shape in shapes
    )
