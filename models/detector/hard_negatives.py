"""Collect what a detector in training takes for Hong Kong plates, to show it again."""

from collections.abc import Callable, Sequence

import numpy as np

from hkplates.recognition.types import Detection, Photo
from models.detector.augmentation import HardNegative
from models.detector.dataset import LabelledPhoto

MIN_FALSE_SCORE = 0.15  # score from which a false peak is worth showing again


def mine_hard_negatives(
    detect: Callable[[Photo], list[Detection]],
    photos: Sequence[LabelledPhoto],
    rng: np.random.Generator,
    max_photos: int = 450,
) -> list[HardNegative]:
    """Places that the detector takes for a Hong Kong plate and that are none.

    Small ones are left alone: far plates are not all labelled.
    """
    spots = []
    for number in rng.permutation(len(photos))[:max_photos]:
        picture = photos[number]
        labelled = [plate.quad for plate in picture.plates]
        for found in detect(picture.pixels):
            box = found.quad.bounds()
            centre = np.array([box.left + box.right, box.top + box.bottom]) / 2
            reach = max(box.width, 10)
            alone = all(np.abs(quad.mean(0) - centre).max() > reach for quad in labelled)
            if found.region == "HK" and alone and box.height > 9 and box.width > 24:
                spots.append(
                    HardNegative(picture.file, float(centre[0]), float(centre[1]), box.width)
                )
    return spots
