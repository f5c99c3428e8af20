"""Simulates how a camera records a plate and how a detector crops it: gray pictures, fast.

A plate is scaled to the pixels it would have in a photograph, blurred, given noise, compressed, and
cropped again along jittered corners.
"""

from collections.abc import Callable

import cv2
import numpy as np

from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.neural import cut_to_margin
from hkplates.recognition.types import Crop, Quad
from models.reader.network import HEIGHT, MARGIN, WIDTH
from models.synthesis import street_faults


def simulate_photograph(
    rng: np.random.Generator,
    pixels: np.ndarray,
    corners: np.ndarray,
    rows: int,
    smallest: float = 6.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Shows a plate to a camera, often from the side; returns pixels of a photograph and corners.

    Characters are `smallest` to 45 pixels high, log-uniformly. Light and weather fall on the plate
    before it is shrunk, since they lie on the street and not in the photograph.
    """
    for fault, chance in STREET_FAULTS:
        if rng.random() < chance:
            pixels = fault(pixels, rng, corners)
    if rng.random() < 0.65:
        pixels, corners = _turn(rng, pixels, corners)
    character_height = float(np.exp(rng.uniform(np.log(smallest), np.log(45))))
    height = character_height / (0.72 if rows == 1 else 0.4)  # shares of a plate's height
    scale = min(1.2, height / _mean_height(corners))
    return shrink(pixels, corners, scale * rng.uniform(0.8, 1.05), scale)


STREET_FAULTS: tuple[tuple[Callable[..., np.ndarray], float], ...] = (
    (lambda pixels, rng, _: street_faults.shadow(pixels, rng), 0.06),
    (lambda pixels, rng, _: street_faults.splashes(pixels, rng), 0.05),
    (lambda pixels, rng, _: street_faults.rain(pixels, rng), 0.04),
    (street_faults.infrared, 0.04),
    (street_faults.glare, 0.06),
    (street_faults.headlights, 0.04),
)
"""What light and weather do, each by its own chance."""


def shrink(
    pixels: np.ndarray, corners: np.ndarray, across: float, down: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scales a picture with its corners, by area where it becomes smaller."""
    high, wide = pixels.shape[:2]
    size = max(8, round(wide * across)), max(8, round(high * down))
    interpolation = cv2.INTER_AREA if down < 1 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, size, interpolation=interpolation)
    return small, (corners * np.array([size[0] / wide, size[1] / high])).astype(np.float32)


def _turn(
    rng: np.random.Generator, pixels: np.ndarray, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Warps a plate as seen from the side: by 60 degrees at most, one in five by more than 30."""
    wide, high = corners[1, 0] - corners[0, 0], corners[2, 1] - corners[0, 1]
    yaw = rng.uniform(-1, 1) * 60 if rng.random() < 0.3 else rng.normal(0, 14)
    pitch, roll = rng.normal(0, 12), rng.normal(0, 5)
    yaw, pitch, roll = np.radians([yaw, np.clip(pitch, -45, 45), roll])
    flat = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([wide, high]) / 2
    away = flat[:, 0] * np.sin(yaw) + flat[:, 1] * np.sin(pitch)
    seen = flat * np.array([np.cos(yaw), np.cos(pitch)])
    seen[:, 1] += flat[:, 0] * np.sin(yaw) * np.sin(pitch)
    seen /= 1 + away[:, None] / (wide * rng.uniform(4, 12))
    seen @= np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    margin = 0.3 * high
    moved = (seen - seen.min(axis=0) + margin).astype(np.float32)
    size = (moved.max(axis=0) + margin).round().astype(int)
    homography = cv2.getPerspectiveTransform(corners.astype(np.float32), moved)
    turned = cv2.warpPerspective(pixels, homography, size, borderMode=cv2.BORDER_REPLICATE)
    return turned, moved


def cut_at_edge(
    rng: np.random.Generator, pixels: np.ndarray, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lets the photograph end within the plate, by a tenth to two fifths of it, on one side.

    The corners stay, or are moved to the photograph's edge, as detectors do either.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    axis = int(rng.random() < 0.3)  # 0: across
    at = low[axis] + (high[axis] - low[axis]) * rng.uniform(0.1, 0.4)
    moved = corners.copy()
    if rng.random() < 0.5:  # its beginning is missing, else its end
        cut = int(np.clip(round(at), 1, pixels.shape[1 - axis] - 4))
        pixels = pixels[:, cut:] if axis == 0 else pixels[cut:]
        moved[:, axis] -= cut
    else:
        cut = int(np.clip(round(low[axis] + high[axis] - at), 4, pixels.shape[1 - axis] - 1))
        pixels = pixels[:, :cut] if axis == 0 else pixels[:cut]
    if rng.random() < 0.5:
        moved = np.clip(moved, 0, pixels.shape[1::-1]).astype(np.float32)
    return np.ascontiguousarray(pixels), moved


def part_of_plate(rng: np.random.Generator, corners: np.ndarray, rows: int) -> np.ndarray:
    """Returns the corners of a half of the plate, left, right, or one row of two."""
    share = rng.uniform(0.3, 0.62)
    start = 0.0 if rng.random() < 0.5 else 1 - share
    first, last = (start, start + share) if rows == 1 or rng.random() < 0.5 else (0.0, 1.0)
    top, bottom = (0.0, 1.0)
    if (first, last) == (0.0, 1.0):
        top, bottom = (0.0, rng.uniform(0.45, 0.55)) if start == 0 else (rng.uniform(0.45, 0.55), 1)
    a, b, c, d = corners
    rows_of = [(a + (d - a) * y, b + (c - b) * y) for y in (top, bottom)]
    (tl, tr), (bl, br) = [
        (left + (right - left) * first, left + (right - left) * last) for left, right in rows_of
    ]
    return np.array([tl, tr, br, bl], np.float32)


def degrade(rng: np.random.Generator, pixels: np.ndarray, *, blur: bool = True) -> np.ndarray:
    """Adds blur (unless `blur` is False), light, noise and compression, each by chance."""
    # What is shrunk to a dozen pixels is hardly blurred any more.
    often = 1.0 if pixels.shape[0] > 40 else 0.4
    chance = rng.random() / often if blur else 1.0
    if chance < 0.42:
        pixels = cv2.filter2D(pixels, -1, _motion_kernel(rng, pixels.shape[0]))
    elif chance < 0.7:
        most = min(1.3, max(0.5, pixels.shape[0] * 0.02))
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, most))
    pixels = _relight(rng, pixels)
    if rng.random() < 0.5:
        pixels = _add_noise(rng, pixels)
    if rng.random() < 0.03:
        pixels = street_faults.interlace(pixels, rng)
    if rng.random() < 0.75:
        # At a quality of 15 small plates are gone: that is to be known too, but not often.
        coarse = rng.random() < (0.45 if pixels.shape[0] > 40 else 0.12)
        quality = int(rng.integers(15, 80) if coarse else rng.integers(80, 96))
        pixels = compress(pixels, quality)
    return pixels


def compress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Compresses a gray picture as JPEG and decodes it again."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def _motion_kernel(rng: np.random.Generator, height: int) -> np.ndarray:
    """Returns the kernel of a straight movement, mostly near vertical as of cars under a bridge."""
    length = max(1.2, min(rng.uniform(1.5, 10), height * rng.uniform(0.03, 0.14)))
    angle = np.radians(rng.normal(90, 12) if rng.random() < 0.65 else rng.uniform(0, 180))
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

    Shares are standard deviations; the common shift has six tenths of it. Across it is half as much
    again: of small plates the refiner's corners are off by 0.12 across and by 0.05 down.
    """
    height = _mean_height(corners)
    apart = rng.normal(0, share, (4, 2)) * height
    together = rng.normal(0, share * 0.6, 2) * height
    return (corners + (apart + together) * (1.5, 1.0)).astype(np.float32)


def _mean_height(corners: np.ndarray) -> float:
    left, right = corners[3] - corners[0], corners[2] - corners[1]
    return float(np.hypot(*left) + np.hypot(*right)) / 2


def crop_input(pixels: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Returns the reader's input, (HEIGHT, WIDTH) uint8, by the very steps that a reading takes."""
    crop = rectify(np.ascontiguousarray(pixels), Quad.from_array(corners))
    return cv2.resize(cut_to_margin(crop, MARGIN), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def rectify_gray(pixels: np.ndarray, corners: np.ndarray) -> Crop:
    """Rectifies a plate in a gray picture as the recogniser does one in a photograph."""
    return rectify(np.repeat(pixels[:, :, None], 3, axis=2), Quad.from_array(corners))
