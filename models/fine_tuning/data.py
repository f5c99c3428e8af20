"""Puts imported labels and the project's own data together, as the trainings read them.

Two folders are made. The detector and the refiner see photographs that are at most LONG_SIDE wide
or high, all of which they hold in memory. The reader crops plates from the photographs as they are,
along corners: where only an upright box was labelled, the shipped refiner finds them.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from hkplates.recognition.bundles.bundle import REFINER
from hkplates.recognition.detection.refiner import Refiner
from models.labels.corners import refined_corners

Row = dict[str, Any]
LONG_SIDE = 1280  # pixels
JPEG_QUALITY = 95


class Prepared(NamedTuple):
    """The two data folders, and the counts of what the own labels give to learn from."""

    find: Path
    read: Path
    photos: int
    plates: int
    readable: int
    refined: int


def prepare(own: Path, base: Path | None, detector: Path, work: Path) -> Prepared:
    """Makes both data folders in `work` of the labels in `own` and, where given, in `base`.

    `base` is a data folder of the project: train/, backgrounds/, fonts/. `detector` is the bundle
    whose refiner finds corners.

    Raises:
        FileNotFoundError: `own` or `base` has no labels.
    """
    rows = read_rows(own / "train")
    base_rows = read_rows(base / "train") if base else []
    find, read = work / "find", work / "read"
    for folder in (find, read):
        (folder / "train").mkdir(parents=True, exist_ok=True)
        for row in base_rows:
            _link(base / "train" / row["file"], folder / "train" / row["file"])
        for name in ("backgrounds", "fonts") if base else ():
            if (base / name).is_dir():
                _link(base / name, folder / name)
    small = [_shrunk(own / "train", row, find / "train") for row in rows]
    _write_rows(find / "train", [*base_rows, *small])
    refiner = Refiner(detector / REFINER) if (detector / REFINER).is_file() else None
    with_corners = [_with_corners(own / "train", row, refiner, read / "train") for row in rows]
    _write_rows(read / "train", [*base_rows, *with_corners])
    given, now = _readable(rows), _readable(with_corners)
    plates = sum(plate["hk"] for row in rows for plate in row["plates"])
    return Prepared(find, read, len(rows), plates, now, now - given)


def read_rows(folder: Path) -> list[Row]:
    """Reads the labels of train/ or dev/.

    Raises:
        FileNotFoundError: there are none; the message says what makes them.
    """
    path = folder / f"{folder.name}.jsonl"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there. Import your labels first: python -m models.labels import FOLDER "
            f"--out {folder.parent}"
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _readable(rows: Sequence[Mapping[str, Any]]) -> int:
    """Counts the plates that the reader learns from: Hong Kong's, with text and corners."""
    plates = [plate for row in rows for plate in row["plates"]]
    return sum(bool(p["hk"] and p["text"] and p["quad"]) for p in plates)


def _shrunk(folder: Path, row: Row, out: Path) -> Row:
    """Writes a photograph at most LONG_SIDE wide or high; returns its row in those pixels."""
    scale = min(1.0, LONG_SIDE / max(row["width"], row["height"]))
    if scale == 1.0:
        _link(folder / row["file"], out / row["file"])
        return row
    pixels = cv2.imread(str(folder / row["file"]))
    size = (round(row["width"] * scale), round(row["height"] * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    name = f"{Path(row['file']).stem}.jpg"
    cv2.imwrite(str(out / name), small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    plates = [_scaled(plate, scale) for plate in row["plates"]]
    return {**row, "file": name, "width": size[0], "height": size[1], "plates": plates}


def _scaled(plate: Row, scale: float) -> Row:
    quad = plate["quad"] and [[x * scale, y * scale] for x, y in plate["quad"]]
    return {**plate, "box": [side * scale for side in plate["box"]], "quad": quad}


def _with_corners(folder: Path, row: Row, refiner: Refiner | None, out: Path) -> Row:
    """Links a photograph; returns its row with corners for plates that have a text and none."""
    _link(folder / row["file"], out / row["file"])
    wanted = [p for p in row["plates"] if p["hk"] and p["text"] and not p["quad"]]
    if not wanted or refiner is None:
        return row
    photo = np.ascontiguousarray(cv2.imread(str(folder / row["file"]))[..., ::-1])
    plates = []
    for plate in row["plates"]:
        corners = refined_corners(photo, plate["box"], refiner) if plate in wanted else None
        plates.append(plate if corners is None else {**plate, "quad": corners.tolist()})
    return {**row, "plates": plates}


def _link(target: Path, place: Path) -> None:
    """Links a file or folder, once; the work folder holds no copies of photographs."""
    if not place.is_symlink():
        os.symlink(target.resolve(), place)


def _write_rows(folder: Path, rows: Sequence[Row]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{folder.name}.jsonl").write_text(lines, encoding="utf-8")
