"""Draws the training targets of a view: heat maps of plate centres, and corner offsets.

The map has one cell per STRIDE pixels. Channel 0 is 1 at centres of Hong Kong plates, channel 1 at
those of other plates. Around each centre the corners are learned too, as offsets in pixels from the
cell's middle, so that the mean over a peak's neighbours is a better corner than its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.detector.dataset import UNCERTAIN, LabelledPlate

STRIDE = 8
CLASSES = ("hong_kong", "other")
MIN_PLATE_WIDTH = 13.0  # pixels in the view; below it nobody could say what a plate is


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets of H x W cells: heatmap and mask (H, W, 2), corners (H, W, 8), weight (H, W).

    `mask` is 0 where the heat map is ignored by the loss. `weight` is how much the corners of a
    cell count, divided by the plate's height in pixels, since an error matters by its share of it.
    """

    heatmap: np.ndarray
    mask: np.ndarray
    corners: np.ndarray
    weight: np.ndarray


def draw_targets(plates: Sequence[LabelledPlate], size: int) -> Targets:
    """Draws the targets of a square view of `size` pixels."""
    cells = size // STRIDE
    targets = Targets(
        np.zeros((cells, cells, 2), np.float32),
        np.ones((cells, cells, 2), np.float32),
        np.zeros((cells, cells, 8), np.float32),
        np.zeros((cells, cells), np.float32),
    )
    for plate in plates:
        _add(targets, plate, size)
    return targets


def plate_size(quad: np.ndarray) -> tuple[float, float]:
    """Returns the mean width and height of a quad (4, 2) in pixels."""
    a, b, c, d = quad
    width = (np.linalg.norm(b - a) + np.linalg.norm(c - d)) / 2
    return float(width), float((np.linalg.norm(d - a) + np.linalg.norm(c - b)) / 2)


def _add(targets: Targets, plate: LabelledPlate, size: int) -> None:
    """Adds a plate: a Gaussian on its class's heat map, and its corners."""
    centre = plate.quad.mean(0)
    if not (0 <= centre[0] < size and 0 <= centre[1] < size):
        return
    width, height = plate_size(plate.quad)
    middles = (np.arange(targets.weight.shape[0], dtype=np.float32) + 0.5) * STRIDE
    across = (middles - centre[0]) / max(width * 0.11, STRIDE * 0.6)
    down = (middles - centre[1]) / max(height * 0.17, STRIDE * 0.6)
    heat = np.exp(-0.5 * (down[:, None] ** 2 + across[None] ** 2))
    if width < MIN_PLATE_WIDTH or plate.label == UNCERTAIN:
        targets.mask[heat > 0.1] = 0
        return
    row, column = (min(int(v // STRIDE), len(middles) - 1) for v in centre[::-1])
    heat[row, column] = 1
    channel = targets.heatmap[..., plate.label]
    np.maximum(channel, heat, out=channel)
    _add_corners(targets, plate, heat, middles, height)


def _add_corners(
    targets: Targets, plate: LabelledPlate, heat: np.ndarray, middles: np.ndarray, height: float
) -> None:
    """Writes the plate's corners into the cells where it weighs more than any before it."""
    weight = np.where(heat > 0.25, heat, 0) / max(height, 4.0)
    weight *= 1.0 if plate.exact else 0.15  # an upright box is a poor guess at slanted corners
    own = weight > targets.weight
    rows, columns = np.nonzero(own)
    cells = np.stack([middles[columns], middles[rows]], 1)
    targets.corners[own] = (plate.quad[None] - cells[:, None]).reshape(-1, 8)
    targets.weight[own] = weight[own]
