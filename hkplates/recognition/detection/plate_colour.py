"""Classifies the colour of a plate's paper in a rectified crop."""

import cv2
import numpy as np

from hkplates.recognition.images.warp import CROP_MARGIN
from hkplates.recognition.types import Colour, Crop

# Of OpenCV's 180 steps of hue: orange-yellow to green-yellow.
YELLOW_HUES = (8, 36)
YELLOW_SATURATION = 95  # of 255; white paper in warm light stays below
OTHER_SATURATION = 110
DARK_PAPER = 0.5
"""Mean brightness, between the plate's own dark and light, below which the paper is dark.

Chosen on the training plates: of 183 Hong Kong plates all but one lie above, of 167 dark
mainland and Macau plates 154 below.
"""


def classify_colour(crop: Crop) -> Colour:
    """Returns white or yellow for paper with dark characters, "other" for all else."""
    edge = round(crop.shape[0] * (CROP_MARGIN + 0.06) / (1 + 2 * CROP_MARGIN))
    plate = crop[edge:-edge, edge:-edge]
    half = plate.shape[1] // 2, plate.shape[0] // 2  # without the noise of single pixels
    small = cv2.resize(plate, half, interpolation=cv2.INTER_AREA)
    tones = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    light = tones[:, :, 2]  # the brightest channel: yellow paper is as bright there as white
    low, high = np.percentile(light, (5, 95))
    if (light.mean() - low) / max(high - low, 1.0) < DARK_PAPER:
        return "other"
    paper = tones[light >= (low + high) / 2]
    hue, saturation = np.median(paper[:, 0]), np.median(paper[:, 1])
    if saturation >= YELLOW_SATURATION and YELLOW_HUES[0] <= hue <= YELLOW_HUES[1]:
        return "yellow"
    return "other" if saturation >= OTHER_SATURATION else "white"
