"""Loads crops of real photographs for the reader: Hong Kong plates, foreign ones, backgrounds."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.reader.network import SLOTS, SYMBOLS
from models.reader.text_rendering import Label

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class RealPlate:
    """A piece of a photograph, gray uint8, with the plate's corners (4, 2) in it and its label."""

    pixels: np.ndarray
    corners: np.ndarray
    label: Label
    file: str
    colour: str

    @property
    def varied(self) -> bool:
        """Returns False for the many photographs from the one footbridge."""
        return not self.file.startswith("hkb_")


def read_rows(folder: Path) -> list[Row]:
    """Reads the labels of a folder, a row for each photograph of its one .jsonl file."""
    with (folder / f"{folder.name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def hong_kong_plates(folder: Path) -> list[RealPlate]:
    """Loads every readable Hong Kong plate of a labelled folder that has corners."""
    return [
        _crop_plate(folder, row, plate, _label(plate))
        for row, plate in _plates(folder)
        if plate["hk"] and plate["text"] and plate["quad"]
    ]


def foreign_plates(folder: Path) -> list[RealPlate]:
    """Loads readable European and Brazilian plates: real print, though of other typefaces."""
    return [
        _crop_plate(folder, row, plate, Label(plate["text"], plate.get("lines", 1), None))
        for row, plate in _plates(folder)
        if not plate["hk"] and _usable(plate["text"]) and row["file"].startswith(("oa_eu", "oa_br"))
    ]


def unread_plates(folder: Path) -> list[RealPlate]:
    """Loads plates that are not Hong Kong's, with the empty text that the reader is to return.

    Mainland, Macau, American and Asian plates and those of no stated country; European and
    Brazilian ones lend their print instead (`foreign_plates`).
    """
    empty = Label("", 1, None)
    return [
        _crop_plate(folder, row, plate, empty)
        for row, plate in _plates(folder)
        if not plate["hk"]
        and (
            plate.get("note") in ("mainland China", "Macau")
            or row["file"].startswith(("oa_us", "ot_vn", "ot_qn", "kg_"))
        )
    ]


def background_photos(folder: Path, limit: int = 400) -> list[np.ndarray]:
    """Loads photographs without plates, gray, at most 640 pixels on the long side."""
    pictures = []
    for path in sorted(folder.glob("*.jpg"))[:limit]:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        scale = min(1.0, 640 / max(picture.shape))
        pictures.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return pictures


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The plates held out from training, by text, so that all photographs of a plate are.

    A text's hash is uniform between 0 and 1; those from `start` up to `stop` are held out.
    """

    start: float
    stop: float

    @classmethod
    def fold(cls, number: int, folds: int) -> "HeldOut":
        """Returns one of so many equal parts, counted from 0."""
        return cls(number / folds, (number + 1) / folds)

    def __contains__(self, label: Label) -> bool:
        return self.start <= zlib.crc32(label.text.encode()) % 1000 / 1000 < self.stop


def _plates(folder: Path) -> Iterator[tuple[Row, Row]]:
    return ((row, plate) for row in read_rows(folder) for plate in row["plates"])


def _usable(text: str | None) -> bool:
    return bool(text) and len(text) <= SLOTS and all(c in SYMBOLS for c in text)


def _label(plate: Row) -> Label:
    """Returns a Hong Kong plate's label, with its row break where the text shows it."""
    text, rows = plate["text"], plate["lines"]
    if rows == 1:
        return Label(text, 1, len(text))
    head = len(text) - len(text.lstrip("ABCDEFGHIJKLMNOPRSTUVWXYZ"))
    # Letters stand above digits; where a plate has only one kind its row break is not known.
    return Label(text, 2, head if 0 < head < len(text) and text[head:].isdigit() else None)


def _crop_plate(folder: Path, row: Row, plate: Row, label: Label) -> RealPlate:
    photo = cv2.imread(str(folder / row["file"]), cv2.IMREAD_GRAYSCALE)
    corners = np.array(plate["quad"] or box_corners(plate["box"]), np.float32)
    piece, moved = crop_piece(photo, corners)
    return RealPlate(piece, moved, label, row["file"], plate["color"])


def crop_piece(photo: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cuts out a plate with seven tenths of its height around it; returns piece and corners."""
    spare = np.ptp(corners[:, 1]) * 0.7
    left, top = np.maximum(corners.min(axis=0) - spare, 0).astype(int)
    right, bottom = (corners.max(axis=0) + spare).astype(int)
    piece = np.ascontiguousarray(photo[top:bottom, left:right])
    return piece, corners - np.array([left, top], np.float32)


def box_corners(box: list[float]) -> list[list[float]]:
    """Returns the corners of a box (x, y, width, height), clockwise from its top left."""
    x, y, w, h = box
    return [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
