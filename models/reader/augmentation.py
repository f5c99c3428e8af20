"""Simulates how a camera records a plate and how a detector crops it: gray pictures, fast.

A plate is scaled to the pixels it would have in a photograph, blurred, given noise, compressed, and
cropped again along jittered corners.
"""

import cv2
import numpy as np

from hkplates.recognition.images.warp import TWO_ROWS_ASPECT, rectify
from hkplates.recognition.types import Crop, Quad
from models.reader.network import HEIGHT, MARGIN, WIDTH


def simulate_photograph(
    rng: np.random.Generator,
    pixels: np.ndarray,
    corners: np.ndarray,
    rows: int,
    smallest: float = 6.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Scales a plate to pixels of a photograph, often tilted; returns pixels and corners in them.

    Characters are `smallest` to 45 pixels high, log-uniformly.
    """
    character_height = float(np.exp(rng.uniform(np.log(smallest), np.log(45))))
    height = character_height / (0.72 if rows == 1 else 0.4)  # shares of a plate's height
    scale_y = min(1.2, height / float(corners[2, 1] - corners[0, 1]))
    scale_x = scale_y * rng.uniform(0.6, 1.05)
    interpolation = cv2.INTER_AREA if scale_y < 1 else cv2.INTER_LINEAR
    size = max(8, round(pixels.shape[1] * scale_x)), max(8, round(pixels.shape[0] * scale_y))
    small = cv2.resize(pixels, size, interpolation=interpolation)
    scaled = corners * np.array([size[0] / pixels.shape[1], size[1] / pixels.shape[0]], np.float32)
    return _tilt(rng, small, scaled.astype(np.float32)) if rng.random() < 0.6 else (small, scaled)


def _tilt(
    rng: np.random.Generator, pixels: np.ndarray, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Warps a plate as if photographed from the side: pixels are sampled along slanted lines."""
    height = corners[2, 1] - corners[0, 1]
    width = corners[1, 0] - corners[0, 0]
    slope = rng.normal(0, 0.06) * width
    moved = corners + rng.normal(0, 0.05, (4, 2)).astype(np.float32) * height
    moved[1:3, 1] += slope / 2
    moved[[0, 3], 1] -= slope / 2
    moved -= moved.min(axis=0) - height * 0.3
    homography = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    size = (moved.max(axis=0) + height * 0.3).round().astype(int)
    tilted = cv2.warpPerspective(pixels, homography, size, borderMode=cv2.BORDER_REPLICATE)
    return tilted, moved.astype(np.float32)


def degrade(rng: np.random.Generator, pixels: np.ndarray, *, blur: bool = True) -> np.ndarray:
    """Adds blur (unless `blur` is False), light, noise and compression, each by chance."""
    chance = rng.random() if blur else 1.0
    if chance < 0.42:
        pixels = cv2.filter2D(pixels, -1, _motion_kernel(rng, pixels.shape[0]))
    elif chance < 0.7:
        most = min(1.3, max(0.5, pixels.shape[0] * 0.02))
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, most))
    pixels = _relight(rng, pixels)
    if rng.random() < 0.5:
        pixels = _add_noise(rng, pixels)
    if rng.random() < 0.6:
        quality = int(rng.integers(15, 86))
        _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    return pixels


def _motion_kernel(rng: np.random.Generator, height: int) -> np.ndarray:
    """Returns the kernel of a straight movement, mostly near vertical as of cars under a bridge."""
    length = max(1.2, min(rng.uniform(1.5, 10), height * rng.uniform(0.03, 0.14)))
    angle = np.radians(rng.normal(90, 12) if rng.random() < 0.7 else rng.uniform(0, 180))
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    # Points along the movement, each shared bilinearly by the four pixels around it.
    for part in np.linspace(-1, 1, 2 * size + 1):
        x, y = reach * part + size // 2
        left, top = int(x), int(y)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            if left + dx < size and top + dy < size:
                share = (1 - abs(x - left - dx)) * (1 - abs(y - top - dy))
                kernel[top + dy, left + dx] += share
    return kernel / kernel.sum()


def _relight(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Changes exposure, contrast and gamma; some pictures are overexposed, some taken by night."""
    chance = rng.random()
    if chance < 0.3:
        return pixels
    gain = rng.uniform(1.2, 1.6) if chance > 0.92 else rng.uniform(0.4, 1.15)
    ramp = np.linspace(0, 1, 256) ** rng.uniform(0.7, 1.4) * 255 * gain + rng.uniform(-10, 50)
    return cv2.LUT(pixels, np.clip(ramp, 0, 255).astype(np.uint8))


def _add_noise(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    grain = np.empty(pixels.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    # In proportion to the contrast: grain that drowns the letters teaches nothing.
    contrast = float(pixels.std())
    cv2.randn(grain, 0, float(rng.uniform(0.03, 0.3)) * contrast + 1)
    return cv2.add(pixels, grain, dtype=cv2.CV_8U)


def jitter_corners(rng: np.random.Generator, corners: np.ndarray, share: float) -> np.ndarray:
    """Moves corners as a detector misplaces them: each by `share` of the height, and all together.

    Shares are standard deviations; the common shift has six tenths of it.
    """
    height = _mean_height(corners)
    apart = rng.normal(0, share, (4, 2)) * height
    together = rng.normal(0, share * 0.6, 2) * height
    return (corners + apart + together).astype(np.float32)


def _mean_height(corners: np.ndarray) -> float:
    left, right = corners[3] - corners[0], corners[2] - corners[1]
    return float(np.hypot(*left) + np.hypot(*right)) / 2


def crop_input(pixels: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Returns the reader's input, (HEIGHT, WIDTH) uint8: the crop of `rectify`, stretched."""
    top, bottom = corners[1] - corners[0], corners[2] - corners[3]
    wide = float(np.hypot(*top) + np.hypot(*bottom)) / 2
    high = max(_mean_height(corners), 1e-3)
    aspect = min(max(wide / high, 0.5), 8.0)
    # As `rectify` does, finer than the input where a plate of its rows has more pixels.
    width, height = (2 * WIDTH, HEIGHT) if aspect > TWO_ROWS_ASPECT else (WIDTH, 2 * HEIGHT)
    y = height * MARGIN / (1 + 2 * MARGIN)
    x = width * MARGIN / (aspect + 2 * MARGIN)
    inner = np.array([[x, y], [width - x, y], [width - x, height - y], [x, height - y]], np.float32)
    homography = cv2.getPerspectiveTransform(corners.astype(np.float32) - 0.5, inner - 0.5)
    fine = cv2.warpPerspective(
        pixels, homography, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def rectify_gray(pixels: np.ndarray, corners: np.ndarray) -> Crop:
    """Rectifies a plate in a gray picture as the recogniser does one in a photograph."""
    return rectify(np.repeat(pixels[:, :, None], 3, axis=2), Quad.from_array(corners))
