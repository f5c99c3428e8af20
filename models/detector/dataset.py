"""Loads labelled photographs into memory, for training and for evaluation."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.score_fusion import TWO_LETTER_SERIES
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample

HONG_KONG, OTHER, UNCERTAIN = 0, 1, -1
"""Classes of a labelled plate; an uncertain one is ignored by the loss and by evaluation."""


@dataclass(frozen=True, slots=True)
class LabelledPlate:
    """A labelled plate. `quad` (4, 2) pixels; `exact` is false where it is an upright box."""

    quad: np.ndarray
    label: int
    exact: bool
    text: str | None = None
    rows: int = 1
    colour: str = "white"


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A labelled photograph, decoded: `pixels` (height, width, 3) uint8 RGB."""

    file: str
    country: str
    pixels: np.ndarray = field(repr=False)
    plates: tuple[LabelledPlate, ...]

    @property
    def shows_hong_kong_plate(self) -> bool:
        """Returns whether a Hong Kong plate is on it."""
        return any(plate.label == HONG_KONG for plate in self.plates)


def read_dataset(folder: Path) -> list[LabelledPhoto]:
    """Reads the photographs that the folder's one .jsonl file labels, in its order.

    Raises:
        FileNotFoundError: naming the folder, where it has no .jsonl or a photograph is missing.
    """
    labels = sorted(folder.glob("*.jsonl"))
    if not labels:
        raise FileNotFoundError(f"{folder} has no .jsonl file of labels; name a labelled folder.")
    lines = labels[0].read_text(encoding="utf-8").splitlines()
    return [_load_photo(folder, json.loads(line)) for line in lines if line.strip()]


def split(
    photos: Sequence[LabelledPhoto],
    share: float,
    *,
    held: Sequence[str] = (),
    together: Sequence[str] = (),
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    """Splits photographs into (training, validation): about `share` of them are held back.

    Photographs that show the same plate stay together, so that no plate is on both sides; so do
    those whose file names begin with one of `together`, one vehicle seen under several marks. Names
    that begin with one of `held` are held back whatever the share.
    """
    back = {
        photo.file
        for photo in photos
        if photo.file.startswith(tuple(held)) or _split_fraction(photo, together) < share
    }
    return [p for p in photos if p.file not in back], [p for p in photos if p.file in back]


def data_folders(data: Path) -> tuple[Path, Path, Path]:
    """Returns the folders (photographs, backgrounds, fonts); `data` holds them, or is the first."""
    root = data if (data / "train").is_dir() else data.resolve().parent
    photos = data / "train" if (data / "train").is_dir() else data
    return photos, root / "backgrounds", root / "fonts"


def read_data(
    data: Path, config: Mapping[str, Any]
) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
    """Reads photographs and backgrounds; returns those to learn from and those held back."""
    photos, backgrounds, _ = data_folders(data)
    every = read_dataset(photos)
    if backgrounds.is_dir():
        every += read_dataset(backgrounds)
    return split(
        every,
        config["held_back"],
        held=config.get("held_names", ()),
        together=config.get("together", ()),
    )


def draw_photos(count: int, seed: int) -> list[LabelledPhoto]:
    """Draws street scenes to learn from as well, so that those of `make demo` are found."""
    photos, fonts = [], FontLibrary()
    for number in range(count):
        scene = sample(number, seed, fonts)
        plates = tuple(
            LabelledPlate(p.quad, HONG_KONG if p.plate.region == "HK" else OTHER, True)
            for p in scene.plates
        )
        photos.append(LabelledPhoto(f"drawn-{number}", "HK", scene.pixels, plates))
    return photos


def _split_fraction(photo: LabelledPhoto, together: Sequence[str]) -> float:
    """Hashes what must stay together to a number from 0 to 1.

    That is a group's name, else the first text on the photograph, else its file name.
    """
    groups = [name for name in together if photo.file.startswith(name)]
    texts = sorted(plate.text for plate in photo.plates if plate.text)
    digest = hashlib.sha256([*groups, *texts, photo.file][0].encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _load_photo(folder: Path, record: dict) -> LabelledPhoto:
    data = cv2.imread(str(folder / record["file"]), cv2.IMREAD_COLOR)
    if data is None:
        raise FileNotFoundError(f"{folder / record['file']} is labelled but cannot be read.")
    plates = tuple(_plate(plate) for plate in record["plates"])
    pixels = np.ascontiguousarray(data[..., ::-1])
    return LabelledPhoto(record["file"], record.get("country", "unknown"), pixels, plates)


def _class_of(fields: dict) -> int:
    """Returns the class; UNCERTAIN where a plate labelled as foreign bears a Hong Kong mark."""
    if fields["hk"]:
        return HONG_KONG
    series = marks.series(marks.canonical(fields.get("raw_text") or ""))
    contradicts = series in TWO_LETTER_SERIES and fields.get("color") in ("white", "yellow")
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
