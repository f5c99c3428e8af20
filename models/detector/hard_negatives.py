"""Mines hard negatives: what a detector in training falsely takes for Hong Kong plates."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hkplates.recognition.types import Detection, Photo
from models.detector.dataset import LabelledPhoto

MIN_FALSE_SCORE = 0.15  # score from which a false peak is worth showing again
HARD_NEGATIVES = "hard_negatives.json"  # in the folder of a training


@dataclass(frozen=True, slots=True)
class HardNegative:
    """A false peak of a detector: a point of a photograph, and a width in its pixels."""

    file: str
    x: float
    y: float
    width: float


def mine_hard_negatives(
    detect: Callable[[Photo], list[Detection]],
    photos: Sequence[LabelledPhoto],
    rng: np.random.Generator,
    max_photos: int = 450,
) -> list[HardNegative]:
    """Collects places that the detector takes for a Hong Kong plate and that are none.

    Small ones are left out: far plates are not all labelled.
    """
    negatives = []
    for number in rng.permutation(len(photos))[:max_photos]:
        photo = photos[number]
        labelled = [plate.quad for plate in photo.plates]
        for found in detect(photo.pixels):
            box = found.quad.bounds()
            centre = np.array([box.left + box.right, box.top + box.bottom]) / 2
            reach = max(box.width, 10)
            alone = all(np.abs(quad.mean(0) - centre).max() > reach for quad in labelled)
            if found.region == "HK" and alone and box.height > 9 and box.width > 24:
                x, y = (float(value) for value in centre)
                negatives.append(HardNegative(photo.file, x, y, box.width))
    return negatives


def write_hard_negatives(path: Path, negatives: Sequence[HardNegative]) -> None:
    """Writes them at once as a whole, for the processes that make views to read."""
    rows = [[negative.file, negative.x, negative.y, negative.width] for negative in negatives]
    waiting = path.with_suffix(".new")
    waiting.write_text(json.dumps(rows), encoding="utf-8")
    waiting.replace(path)


def read_hard_negatives(path: Path) -> list[HardNegative]:
    """Reads those written; none where there is no file yet."""
    if not path.exists():
        return []
    return [HardNegative(*row) for row in json.loads(path.read_text(encoding="utf-8"))]
