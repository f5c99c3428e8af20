"""Cut a part out of a photograph, and fit a plate into one."""

from collections.abc import Sequence

import cv2
import numpy as np

from models.detector.targets import plate_size
from models.synthesis.perspective import perspective_quad
from models.synthesis.plates import Plate


def scaled_quad(quad: np.ndarray, factor: float) -> np.ndarray:
    """A quad `factor` as large about its middle."""
    middle = quad.mean(0)
    return ((quad - middle) * factor + middle).astype(np.float32)


def covering_quad(rng: np.random.Generator, drawn: Plate, box: np.ndarray) -> np.ndarray:
    """A quad for the drawn plate that covers an upright box, in the plate's own proportions."""
    width, height = plate_size(box)
    own_width, own_height = plate_size(drawn.corners)
    wide = max(width, height * own_width / own_height) * 1.05
    size = (wide, wide * own_height / own_width)
    return perspective_quad(rng, tuple(box.mean(0)), size)


def sample_light(rng: np.random.Generator, pixels: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """How bright and of what tint a plate would be there: by chance, and by its surroundings."""
    left, top = np.maximum(quad.min(0).astype(int) - 10, 0)
    right, bottom = quad.max(0).astype(int) + 10
    around = pixels[top:bottom, left:right]
    mean = around.reshape(-1, 3).mean(0) if around.size else np.full(3, 128.0)
    tint = mean / max(mean.mean(), 1.0)
    level = np.clip(mean.mean() / 128, 0.35, 1.25) ** rng.uniform(0.0, 0.7)
    return level * rng.uniform(0.75, 1.1) * (1 + (tint - 1) * rng.uniform(0, 0.4))


def paint_bodywork(rng: np.random.Generator, pixels: np.ndarray, quad: np.ndarray) -> None:
    """A piece of coloured bodywork behind a plate, so that plates are not known by their edge."""
    wide = (quad - quad.mean(0)) * rng.uniform(1.15, 2.0, 2) + quad.mean(0)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.6 else np.full(3, rng.uniform(180, 255))
    cv2.fillConvexPoly(pixels, wide.round().astype(int), colour.tolist(), cv2.LINE_AA)


def resample_window(
    canvas: np.ndarray, photo: np.ndarray, origin: np.ndarray, side: np.ndarray
) -> np.ndarray:
    """Lay the part of a photograph from `origin`, `side` wide and high, over the whole canvas.

    The part is resampled from exactly `origin`: whole pixels would shift the corners by up to half
    a pixel of the photograph, and corners are to be learned finer than that.
    """
    size = canvas.shape[0]
    height, width = photo.shape[:2]
    low = np.clip(np.floor(origin).astype(int), 0, (width, height))
    high = np.clip(np.ceil(origin + side).astype(int), 0, (width, height))
    if (high - low < 2).any():
        return canvas
    factor = size / side
    part = photo[low[1] : high[1], low[0] : high[0]]
    if factor.max() < 0.8:
        shape = np.maximum(np.round((high - low) * factor).astype(int), 2)
        part = cv2.resize(part, shape.tolist(), interpolation=cv2.INTER_AREA)
    stretch = (high - low) * factor / part.shape[1::-1]
    move = (low - origin) * factor + 0.5 * stretch - 0.5
    matrix = np.array([[stretch[0], 0, move[0]], [0, stretch[1], move[1]]])
    return cv2.warpAffine(part, matrix, (size, size), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)


def rotate(
    pixels: np.ndarray, quads: Sequence[np.ndarray], degrees: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Turned about the middle."""
    size = pixels.shape[0]
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    pixels = cv2.warpAffine(pixels, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return pixels, [(quad - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5 for quad in quads]
