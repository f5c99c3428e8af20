"""Maps a plate's ink, and finds where its two rows part."""

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.images.warp import CROP_MARGIN
from hkplates.recognition.types import Crop

InkMap = npt.NDArray[np.float32]
"""Darkness of each pixel against its surroundings: (height, width), 0 paper to 1 ink."""

EDGE_TRIM = 0.05  # of the plate's height, trimmed inside its edge: frames and rounded corners
MAX_TWO_ROW_ASPECT = 3.0  # width over height, loose corners included; true ones lie under 2.3
MIN_CROP_SIDE = 40  # pixels; `rectify` makes none so small


def ink_map(crop: Crop, side_trim: float) -> InkMap:
    """Computes the ink of the plate itself, without the crop's margin and without shading.

    `side_trim`, a share of the plate's height, is trimmed off at the left and right.
    """
    plate_height = crop.shape[0] / (1 + 2 * CROP_MARGIN)
    edge = round(plate_height * (CROP_MARGIN + EDGE_TRIM))
    side = round(plate_height * (CROP_MARGIN + side_trim))
    plate = crop[edge:-edge, side:-side].astype(np.float32)
    # Red and green alone: yellow paper is then as light as white, black or red characters dark.
    light = (plate[:, :, 0] + plate[:, :, 1]) / 2
    # The paper's own brightness at each pixel: a closing wider than any stroke fills the
    # characters with the light around them, and a blur evens out its blocks.
    size = max(3, light.shape[0] // 2 | 1)
    paper = cv2.morphologyEx(
        cv2.GaussianBlur(light, (0, 0), 1), cv2.MORPH_CLOSE, np.ones((size, size), np.uint8)
    )
    paper = cv2.GaussianBlur(paper, (0, 0), size / 3)
    ink = np.clip(1 - light / np.maximum(paper, 1), 0, 1)
    # The darkest 3% are full ink, so that faded characters are as dark as fresh ones.
    return np.clip(ink / max(float(np.percentile(ink, 97)), 0.05), 0, 1).astype(np.float32)


def row_split(ink: InkMap) -> int:
    """Returns the y between two rows: the line with the least ink near the middle."""
    high, wide = ink.shape
    smooth = max(3, high // 24)
    # Horizontal projection of the ink, without the sides, where frames stand.
    inner = ink[:, int(wide * 0.05) : int(wide * 0.95)].mean(axis=1)
    profile = np.convolve(inner, np.ones(smooth) / smooth, "same")
    first, last = int(high * 0.40), int(high * 0.58)
    # Rows part a little above the middle; a line far from there has to have less ink.
    off_middle = np.abs(np.arange(first, last) / high - 0.49) * 0.6 * profile.mean()
    return first + int(np.argmin(profile[first:last] + off_middle))
