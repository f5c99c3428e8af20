"""Finds the corners of a plate that was labelled by an upright box, with the shipped refiner."""

from collections.abc import Sequence

import numpy as np

from hkplates.recognition.detection.refiner import CLASSES, Refiner
from hkplates.recognition.types import Photo, Quad
from models.labels.geometry import box_corners

FILLED = 0.65
"""Intersection over union of the corners' box with the labelled one, from which they are taken."""


def refined_corners(photo: Photo, box: Sequence[float], refiner: Refiner) -> np.ndarray | None:
    """Returns the plate's corners (4, 2) in a box [x, y, width, height]; None where none is seen.

    Loose boxes are what people draw: the corners must fill most of it, and show a plate.
    """
    x, y, width, height = box
    corners = box_corners(np.array([[x, y], [x + width, y + height]]))
    refined = refiner.refine(photo, corners)
    if refined is None or refined.log_odds(CLASSES.index("none")) > 0:
        return None
    found = Quad.from_array(refined.corners).bounds()
    low = np.maximum([found.left, found.top], [x, y])
    high = np.minimum([found.right, found.bottom], [x + width, y + height])
    shared = float(np.prod(np.maximum(high - low, 0)))
    union = found.width * found.height + width * height - shared
    return refined.corners if shared >= FILLED * union else None
