"""Decodes the detector's head output: heat-map peaks and their corners.

The head output is one array (H, W, 10) for an input of 8 H x 8 W pixels: the heat-map scores (0 to
1) of a Hong Kong plate's centre and of another plate's, then x and y in pixels of the four corners
from the middle of the cell.
"""

import numpy as np
import numpy.typing as npt

from hkplates.recognition.detection.suppression import Peak, non_max_suppression

STRIDE = 8  # pixels of the input in one cell
NUM_CLASSES = 2
MAX_PEAKS = 64  # a photograph of more plates is noise, and each costs time
CORNER_AVERAGING_RATIO = 0.3  # of the peak's score: neighbours from here on are of its plate

HeadOutput = npt.NDArray[np.float32]


def find_peaks(head_output: HeadOutput, threshold: float) -> list[Peak]:
    """Returns the peaks of at least `threshold`, highest first, after non-maximum suppression.

    Raises:
        ValueError: where the head output has another shape.
    """
    if head_output.ndim != 3 or head_output.shape[2] != NUM_CLASSES + 8:
        raise ValueError(f"expected a head output of shape (H, W, 10), got {head_output.shape}")
    heatmap = head_output[..., :NUM_CLASSES]
    # A peak is the maximum of its 3 x 3 cells in its own class; ties are left to NMS.
    is_peak = (heatmap >= threshold) & (heatmap >= _max_pool_3x3(heatmap))
    rows, columns, labels = np.nonzero(is_peak)
    scores = heatmap[rows, columns, labels]
    best = np.argsort(-scores, kind="stable")[:MAX_PEAKS]
    peaks = [_peak(head_output, int(rows[i]), int(columns[i]), int(labels[i])) for i in best]
    return non_max_suppression(peaks)


def _max_pool_3x3(heatmap: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Returns the maximum over each cell's 3 x 3 neighbourhood, per class."""
    padded = np.pad(heatmap, ((1, 1), (1, 1), (0, 0)), constant_values=-1.0)
    height, width = heatmap.shape[:2]
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    pooled: npt.NDArray[np.float32] = np.maximum.reduce(shifted)
    return pooled


def _peak(head_output: HeadOutput, row: int, column: int, label: int) -> Peak:
    """Decodes the peak in a cell; its corners are the score-weighted mean over 3 x 3 cells.

    A single cell's corners jitter by a pixel or two; the weighted mean of nine halves that.
    """
    score = float(head_output[row, column, label])
    top, left = max(row - 1, 0), max(column - 1, 0)
    around = head_output[top : row + 2, left : column + 2]
    corners = around[..., NUM_CLASSES:].reshape(*around.shape[:2], 4, 2).copy()
    # Offsets count from the middle of their own cell: each becomes a place in the input.
    corners[..., 0] += ((np.arange(around.shape[1]) + left + 0.5) * STRIDE)[None, :, None]
    corners[..., 1] += ((np.arange(around.shape[0]) + top + 0.5) * STRIDE)[:, None, None]
    # Neighbours below the ratio are background, whose corners are noise.
    weight = np.where(around[..., label] >= score * CORNER_AVERAGING_RATIO, around[..., label], 0.0)
    mean = np.tensordot(weight, corners, ((0, 1), (0, 1))) / weight.sum()
    return Peak(mean.astype(np.float32), score, label)
