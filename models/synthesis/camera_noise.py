"""Simulates camera, weather and compression on a picture. RGB uint8 in, RGB uint8 out."""

import cv2
import numpy as np


def degrade(picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Applies a random mixture of faults; `strength` scales their chances (0: none)."""
    if rng.random() < 0.5 * strength:
        picture = relight(picture, rng)
    if rng.random() < 0.06 * strength:
        picture = add_glare(picture, rng)
    if rng.random() < 0.05 * strength:
        picture = infrared(picture, rng)
    if rng.random() < 0.03 * strength:
        picture = interlace(picture, rng)
    if rng.random() < 0.25 * strength:
        picture = motion_blur(picture, rng)
    elif rng.random() < 0.25 * strength:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.8))
    if rng.random() < 0.12 * strength:
        picture = lower_resolution(picture, rng)
    if rng.random() < 0.3 * strength:
        picture = add_noise(picture, rng)
    if rng.random() < 0.3 * strength:
        picture = compress(picture, int(rng.integers(13, 85)))
    return picture


def relight(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Changes exposure, contrast and tint; one in ten becomes night under lamps."""
    night = rng.random() < 0.1
    gain = rng.uniform(0.25, 0.5) if night else rng.uniform(0.6, 1.4)
    tint = np.array([1.15, 1.0, 0.75]) if night else rng.uniform(0.9, 1.1, 3)
    gamma, lift = rng.uniform(0.75, 1.35), rng.uniform(-15, 25)
    ramp = np.linspace(0, 1, 256)[:, None] ** gamma * 255 * gain * tint + lift
    table = np.clip(ramp, 0, 255).astype(np.uint8)[None]
    return cv2.LUT(picture, table)


def infrared(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Takes the colour away, as a camera at night does whose lamp is infrared."""
    weights = rng.dirichlet((3.0, 3.0, 1.0)).astype(np.float32)
    gray = np.clip((picture @ weights) * rng.uniform(0.6, 1.5), 0, 255)
    return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=2)


def add_glare(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Adds the glare of the sun or a lamp: a bright spot, round or drawn out to a band."""
    height, width = picture.shape[:2]
    x, y = rng.uniform(0, 1, 2) * (width, height)
    reach = rng.uniform(0.03, 0.25, 2) * min(height, width)
    across = (np.arange(width, dtype=np.float32) - x) / reach[0]
    down = (np.arange(height, dtype=np.float32) - y) / reach[1]
    light = np.exp(-0.5 * (down[:, None] ** 2 + across[None] ** 2)) * rng.uniform(60, 260)
    return np.clip(picture + light[..., None], 0, 255).astype(np.uint8)


def interlace(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifts every other line by 1 to 4 pixels: a still of two fields of a moving car."""
    torn = picture.copy()
    torn[1::2] = np.roll(picture[1::2], int(rng.integers(1, 5)) * (-1) ** int(rng.integers(2)), 1)
    return torn


def motion_blur(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blurs along a line of 3 to 10 pixels, mostly near vertical: a car coming towards a bridge."""
    length = int(rng.integers(3, 11))
    angle = rng.normal(90, 12) if rng.random() < 0.7 else rng.uniform(0, 180)
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2
    reach = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * middle
    start, end = (np.array([middle, middle]) + s * reach for s in (-1, 1))
    cv2.line(kernel, tuple(start.round().astype(int)), tuple(end.round().astype(int)), 1.0)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def lower_resolution(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scales down to 0.35 to 0.75 of the size and back: a picture of few pixels."""
    height, width = picture.shape[:2]
    factor = rng.uniform(0.35, 0.75)
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def add_noise(
    picture: np.ndarray, rng: np.random.Generator, min_level: float = 3, max_level: float = 16
) -> np.ndarray:
    """Adds the grain of a sensor short of light, `min_level` to `max_level` of 255 levels."""
    height, width = picture.shape[:2]
    grain = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), np.float32)
    grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(picture + grain * rng.uniform(min_level, max_level), 0, 255).astype(np.uint8)


def compress(picture: np.ndarray, quality: int) -> np.ndarray:
    """Compresses as JPEG and decodes again."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
