"""Labelled photographs in memory: what views are cut from and what is measured on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.score_fusion import LETTERED

HONG_KONG, OTHER, UNCERTAIN = 0, 1, -1
"""Classes of a labelled plate; an uncertain one is neither asked for nor punished."""


@dataclass(frozen=True, slots=True)
class LabelledPlate:
    """One labelled plate. `quad` (4, 2); `exact` is false where it is only an upright box."""

    quad: np.ndarray
    label: int
    exact: bool
    text: str | None = None
    rows: int = 1
    colour: str = "white"


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """One photograph, decoded: `pixels` (height, width, 3) uint8 RGB."""

    file: str
    country: str
    pixels: np.ndarray = field(repr=False)
    plates: tuple[LabelledPlate, ...]

    @property
    def shows_hong_kong_plate(self) -> bool:
        """Whether a Hong Kong plate is on it."""
        return any(plate.label == HONG_KONG for plate in self.plates)


def read_dataset(folder: Path) -> list[LabelledPhoto]:
    """The photographs that the folder's one .jsonl file labels, in its order.

    Raises:
        FileNotFoundError: naming the folder, where it has no .jsonl or a photograph is missing.
    """
    labels = sorted(folder.glob("*.jsonl"))
    if not labels:
        raise FileNotFoundError(f"{folder} has no .jsonl file of labels; name a labelled folder.")
    lines = labels[0].read_text(encoding="utf-8").splitlines()
    return [_load_photo(folder, json.loads(line)) for line in lines if line.strip()]


def split(
    photos: Sequence[LabelledPhoto], share: float
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    """(training, validation): about `share` of the photographs are held back.

    Photographs that show the same plate stay together, so that no plate is on both sides.
    """
    held = [picture for picture in photos if _split_fraction(picture) < share]
    names = {picture.file for picture in held}
    return [picture for picture in photos if picture.file not in names], held


def _split_fraction(photo: LabelledPhoto) -> float:
    """A number from 0 to 1 by the first plate read on the picture, else by its name."""
    texts = sorted(plate.text for plate in photo.plates if plate.text)
    digest = hashlib.sha256((texts[0] if texts else photo.file).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _load_photo(folder: Path, record: dict) -> LabelledPhoto:
    data = cv2.imread(str(folder / record["file"]), cv2.IMREAD_COLOR)
    if data is None:
        raise FileNotFoundError(f"{folder / record['file']} is labelled but cannot be read.")
    plates = tuple(_plate(plate) for plate in record["plates"])
    pixels = np.ascontiguousarray(data[..., ::-1])
    return LabelledPhoto(record["file"], record.get("country", "unknown"), pixels, plates)


def _class_of(fields: dict) -> int:
    """Whose plate it is; open where it is said not to be Hong Kong's and bears such a mark."""
    if fields["hk"]:
        return HONG_KONG
    series = marks.series(marks.canonical(fields.get("raw_text") or ""))
    contradicts = series in LETTERED and fields.get("color") in ("white", "yellow")
    return UNCERTAIN if contradicts else OTHER


def _plate(fields: dict) -> LabelledPlate:
    x, y, width, height = fields["box"]
    box = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
    return LabelledPlate(
        quad=np.array(fields.get("quad") or box, np.float32),
        label=_class_of(fields),
        exact=bool(fields.get("quad")),
        text=fields.get("text"),
        rows=fields.get("lines", 1),
        colour=fields.get("color", "other"),
    )
