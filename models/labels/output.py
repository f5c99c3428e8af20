"""Writes imported photographs and their rows: train/ and dev/, and what was not used."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.types import Crop, Quad
from models.labels.geometry import box_corners
from models.labels.photos import OpenedPhoto
from models.labels.plates import Plate
from models.labels.report import HELD_BACK, TRAIN, Report
from models.labels.split import hold_back

JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A photograph that is used: its row, its plates' crops with their texts, and its hash."""

    row: dict[str, Any]
    crops: list[tuple[Crop, str]]
    digest: str


def write_photo(photo: OpenedPhoto, digest: str, out: Path) -> str:
    """Writes a photograph, upright and without EXIF's turn; returns its new name.

    The name ends with a hash of the content, so that none is written over another.
    """
    stem = re.sub(r"[^\w-]+", "_", photo.path.stem, flags=re.ASCII)[:60].strip("_") or "photo"
    if photo.is_plain:
        name = f"{stem}-{digest}{photo.path.suffix.lower()}"
        (out / name).write_bytes(photo.data)
        return name
    name = f"{stem}-{digest}.jpg"
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    cv2.imwrite(str(out / name), photo.pixels[..., ::-1], quality)
    return name


def crop(photo: OpenedPhoto, plate: Plate) -> Crop:
    """Cuts a plate out along its corners, or its box."""
    x, y, width, height = plate["box"]
    corners = plate["quad"] or box_corners(np.array([[x, y], [x + width, y + height]]))
    return rectify(photo.pixels, Quad.from_array(corners))


def caption(plate: Plate) -> str:
    """Returns what the contact sheet says of a plate."""
    text = plate["text"] or plate.get("raw_text") or "-"
    return f"{text} {plate['color']} {plate['lines']}{'' if plate['hk'] else ' not HK'}"


def write_sides(
    out: Path, rows: Sequence[dict[str, Any]], share: float, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """Splits the rows, and moves each photograph from photos/ to its side.

    Returns the rows of train/ and of dev/, of which `share` are held back.
    """
    vehicles = {row["file"]: _vehicles(row) for row in rows}
    held = hold_back(vehicles, share, seed)
    sides: dict[str, list[dict[str, Any]]] = {}
    for side in (TRAIN, HELD_BACK):
        (out / side).mkdir()
        sides[side] = [row for row in rows if (row["file"] in held) == (side == HELD_BACK)]
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in sides[side]]
        (out / side / f"{side}.jsonl").write_text("".join(lines), encoding="utf-8")
        for row in sides[side]:
            (out / "photos" / row["file"]).replace(out / side / row["file"])
    (out / "photos").rmdir()
    return sides


def _vehicles(row: dict[str, Any]) -> list[str]:
    """Returns the marks on a photograph, in whichever form they are known."""
    names = ("mark", "text", "text_guess", "raw_text")
    told = (next((plate[n] for n in names if plate.get(n)), None) for plate in row["plates"])
    return sorted({marks.canonical(text) or text for text in told if text})


def write_unused(path: Path, report: Report) -> None:
    """Writes a JSON line for each thing that was not used."""
    lines = [
        json.dumps({"reason": str(reason), "detail": detail}, ensure_ascii=False) + "\n"
        for reason, details in sorted(report.unused.items())
        for detail in details
    ]
    path.write_text("".join(lines), encoding="utf-8")
