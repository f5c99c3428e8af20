"""Writes drawn photographs and the labels of annotation tools about them, for tests of the import.

Formats are written as LabelImg 1.8.6, CVAT 2, Label Studio 1.23, Ultralytics and pycocotools do.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 320, 240
BOX = (60.0, 100.0, 180.0, 130.0)
"""Left, top, right, bottom of the plate that photographs are drawn with."""

MIDDLE = ((BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2)
ORIENTATION = 0x0112


def write_photo(
    path: Path, *, seed: int = 0, orientation: int = 1, paper=(235, 235, 235), ink=15
) -> Path:
    """Writes a photograph, stored so that EXIF's orientation turns it upright."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(40, 90, (HEIGHT, WIDTH, 3), np.uint8)
    left, top, right, bottom = (int(side) for side in BOX)
    pixels[top:bottom, left:right] = paper
    for x in range(left + 12, right - 12, 16):  # characters
        pixels[top + 6 : bottom - 6, x : x + 7] = ink
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation != 1:
        exif[ORIENTATION] = orientation
    stored = Image.fromarray(_stored(pixels, orientation))
    stored.save(path, quality=95, subsampling=0, exif=exif)
    return path


def _stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes what a viewer does with EXIF's orientation: turns are undone by the other turn."""
    turn = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    return np.ascontiguousarray(np.rot90(upright, turn))


def voc(*objects: str, file: str = "a.jpg", size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    """Returns the XML of a photograph."""
    return (
        f"<annotation><folder>x</folder><filename>{file}</filename>"
        f"<path>C:\\\\cars\\\\{file}</path><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>{''.join(objects)}</annotation>"
    )


def voc_object(name: str, box: tuple[float, ...] = BOX, more: str = "") -> str:
    """Returns an object of that XML."""
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    placed = "".join(f"<{side}>{value:g}</{side}>" for side, value in sides)
    return f"<object><name>{name}</name>{more}<bndbox>{placed}</bndbox></object>"


def cvat(*shapes: str, file: str = "a.jpg", size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    """Returns the XML of a task with one photograph."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta/>'
        f'<image id="0" name="{file}" width="{size[0]}" height="{size[1]}">'
        f"{''.join(shapes)}</image></annotations>"
    )


def cvat_box(text: str, box: tuple[float, ...] = BOX, *, label="plate", more="") -> str:
    """Returns a box of that XML, with its text as an attribute."""
    left, top, right, bottom = box
    return (
        f'<box label="{label}" source="manual" occluded="0" xtl="{left}" ytl="{top}" '
        f'xbr="{right}" ybr="{bottom}" z_order="0" {more}>'
        f'<attribute name="text">{text}</attribute></box>'
    )


def label_studio_task(
    *regions: list[dict[str, Any]], file: str = "a.jpg", **more: Any
) -> dict[str, Any]:
    """Returns a task with one annotation."""
    result = [one for region in regions for one in region]
    annotation = {"id": 1, "was_cancelled": False, "ground_truth": False, "result": result}
    return {
        "id": 1,
        "annotations": [annotation],
        "file_upload": f"7b9d2a1c-{file}",
        "data": {"image": f"/data/upload/1/7b9d2a1c-{file}"},
        **more,
    }


def label_studio_region(
    value: dict[str, Any], text: str | None, *, number: int = 0, size=(WIDTH, HEIGHT)
) -> list[dict[str, Any]]:
    """Returns the results of a region: its place and class, and its text."""
    kind = next(name for name in value if name.endswith("labels"))
    about = {
        "id": f"region{number}",
        "to_name": "image",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
    }
    results = [{**about, "from_name": "label", "type": kind, "value": value}]
    if text is not None:
        place = {name: told for name, told in value.items() if name != kind}
        told = {**place, "text": [text]}
        results.append({**about, "from_name": "transcription", "type": "textarea", "value": told})
    return results


def percent_box(box: tuple[float, ...] = BOX, size=(WIDTH, HEIGHT)) -> dict[str, Any]:
    """Returns a rectangle of Label Studio's."""
    left, top, right, bottom = box
    return {
        "x": left / size[0] * 100,
        "y": top / size[1] * 100,
        "width": (right - left) / size[0] * 100,
        "height": (bottom - top) / size[1] * 100,
        "rectanglelabels": ["Plate"],
    }


def coco(*annotations: dict[str, Any], file: str = "a.jpg", size=(WIDTH, HEIGHT)) -> dict[str, Any]:
    """Returns COCO of one photograph."""
    numbered = [{"id": n, "image_id": 7, "category_id": 1, **a} for n, a in enumerate(annotations)]
    return {
        "images": [{"id": 7, "file_name": file, "width": size[0], "height": size[1]}],
        "annotations": numbered,
        "categories": [{"id": 1, "name": "license-plate"}, {"id": 2, "name": "car"}],
    }


def coco_box(box: tuple[float, ...] = BOX) -> list[float]:
    """Returns bbox: left, top, width, height."""
    left, top, right, bottom = box
    return [left, top, right - left, bottom - top]


def yolo_line(number: int = 0, box: tuple[float, ...] = BOX, size=(WIDTH, HEIGHT)) -> str:
    """Returns a line of YOLO's: class, middle, width and height in shares."""
    left, top, right, bottom = box
    middle = ((left + right) / 2 / size[0], (top + bottom) / 2 / size[1])
    sides = ((right - left) / size[0], (bottom - top) / size[1])
    return f"{number} {middle[0]} {middle[1]} {sides[0]} {sides[1]}\n"


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file."""
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def read_side(folder: Path) -> list[dict[str, Any]]:
    """Reads the rows of train/ or dev/."""
    lines = (folder / f"{folder.name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
