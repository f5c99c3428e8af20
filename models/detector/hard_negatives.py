"""Collect what a detector in training takes for Hong Kong plates, to show it again."""

from collections.abc import Callable, Sequence

import numpy as np

from hkplates.recognition.types import Detection, Photo
from models.detector.augmentation import Spot
from models.detector.dataset import Picture

LEAST_FALSE = 0.15  # score from which a false peak is worth showing again


def find_spots(
    detect: Callable[[Photo], list[Detection]],
    pictures: Sequence[Picture],
    rng: np.random.Generator,
    most: int = 450,
) -> list[Spot]:
    """Places that the detector takes for a Hong Kong plate and that are none.

    Small ones are left alone: far plates are not all labelled.
    """
    spots = []
    for number in rng.permutation(len(pictures))[:most]:
        picture = pictures[number]
        labelled = [plate.quad for plate in picture.plates]
        for found in detect(picture.pixels):
            box = found.quad.bounds()
            centre = np.array([box.left + box.right, box.top + box.bottom]) / 2
            reach = max(box.width, 10)
            alone = all(np.abs(quad.mean(0) - centre).max() > reach for quad in labelled)
            if found.region == "HK" and alone and box.height > 9 and box.width > 24:
                spots.append(Spot(picture.file, float(centre[0]), float(centre[1]), box.width))
    return spots
