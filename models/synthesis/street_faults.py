"""Draws what light, weather and cameras do to a plate: glare, rain, dirt, infrared, interlace.

Pictures are (height, width) gray or (height, width, 3) RGB, uint8 in and out.
"""

import cv2
import numpy as np


def glare(picture: np.ndarray, rng: np.random.Generator, corners: np.ndarray) -> np.ndarray:
    """Washes out a spot of the plate, or a band across it, by the light of a lamp or of the sun.

    `corners` (4, 2) are the plate's. Most of what is behind the glare stays faintly visible.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    span = np.maximum(high - low, 4)
    centre = low + span * rng.uniform(0, 1, 2)
    band = rng.random() < 0.4  # the sun on one row, or along the plate
    reach = (
        span * (rng.uniform(0.5, 1.5), rng.uniform(0.15, 0.4))
        if band
        else np.full(2, span[1] * rng.uniform(0.25, 0.8))
    )
    return _add_light(picture, centre, reach, rng.uniform(60, 190))


def headlights(picture: np.ndarray, rng: np.random.Generator, corners: np.ndarray) -> np.ndarray:
    """Darkens the picture and puts two lamps beside the plate, whose light spills over it."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    span = np.maximum(high - low, 4)
    dark = cv2.convertScaleAbs(picture, alpha=rng.uniform(0.25, 0.7))
    for side in (-1, 1):
        x = (low[0] + high[0]) / 2 + side * span[0] * rng.uniform(0.6, 1.2)
        y = low[1] - span[1] * rng.uniform(-0.3, 1.5)
        reach = np.full(2, span[1] * rng.uniform(0.4, 1.4))
        dark = _add_light(dark, np.array([x, y]), reach, rng.uniform(150, 400))
    return dark


def _add_light(
    picture: np.ndarray, centre: np.ndarray, reach: np.ndarray, strength: float
) -> np.ndarray:
    height, width = picture.shape[:2]
    wide = np.exp(-(((np.arange(width, dtype=np.float32) - centre[0]) / reach[0]) ** 2))
    tall = np.exp(-(((np.arange(height, dtype=np.float32) - centre[1]) / reach[1]) ** 2))
    light = np.outer(tall, wide * strength).astype(np.float32)
    lit = picture.astype(np.float32) + (light if picture.ndim == 2 else light[..., None])
    return np.clip(lit, 0, 255).astype(np.uint8)


def shadow(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Darkens one side of a slanted line, as the edge of a bumper's or a bridge's shadow."""
    height, width = picture.shape[:2]
    angle, softness = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 6)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    across = (x - width * rng.uniform(0.2, 0.8)) * np.float32(np.cos(angle)) + (
        y - height * rng.uniform(0.2, 0.8)
    ) * np.float32(np.sin(angle))
    light = 1 - rng.uniform(0.3, 0.7) * np.clip(across / softness + 0.5, 0, 1)
    return (picture * (light if picture.ndim == 2 else light[..., None])).astype(np.uint8)


def rain(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws streaks, each a little lighter than what is behind it, and a haze over all."""
    height, width = picture.shape[:2]
    streaks = np.zeros((height, width), np.uint8)
    slope = rng.normal(0, 0.2)
    for _ in range(int(rng.integers(4, 18))):
        x, y = rng.uniform(0, width), rng.uniform(-0.2, 1) * height
        length = height * rng.uniform(0.08, 0.4)
        ends = (round(x), round(y)), (round(x + slope * length), round(y + length))
        cv2.line(streaks, *ends, int(rng.integers(30, 110)), 1, cv2.LINE_AA)
    cover = cv2.GaussianBlur(streaks, (0, 0), 0.8).astype(np.float32) / 255
    cover += np.float32(rng.uniform(0, 0.25))
    cover = cover if picture.ndim == 2 else cover[..., None]
    return (picture * (1 - cover) + 190 * cover).astype(np.uint8)


def splashes(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Splashes mud: specks and a few blots, thicker towards the foot; letters show through some."""
    height, width = picture.shape[:2]
    cover = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(5, 40))):
        centre = rng.integers(width), round(height * rng.uniform(0, 1) ** 0.6)
        radius = max(1, round(height * rng.exponential(0.018)))
        cv2.circle(cover, centre, min(radius, height // 9), rng.uniform(0.3, 0.95), -1, cv2.LINE_AA)
    cover = cv2.GaussianBlur(cover, (0, 0), 0.7)
    cover = cover if picture.ndim == 2 else cover[..., None]
    return (picture * (1 - cover) + rng.uniform(60, 130) * cover).astype(np.uint8)


def infrared(picture: np.ndarray, rng: np.random.Generator, corners: np.ndarray) -> np.ndarray:
    """Turns it to what a camera with infrared lamps sees: gray, the plate bright, the rest dark."""
    height, width = picture.shape[:2]
    plate = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(plate, corners.round().astype(np.int32), 255)
    lit = cv2.GaussianBlur(plate, (0, 0), rng.uniform(0.5, 2)).astype(np.float32) / 255
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    gain = rng.uniform(0.15, 0.5) * (1 - lit) + rng.uniform(0.9, 1.7) * lit
    seen = np.clip(gray * gain + rng.uniform(0, 15), 0, 255).astype(np.uint8)
    return seen if picture.ndim == 2 else np.repeat(seen[..., None], 3, axis=2)


def interlace(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifts every second line, as in a still of an interlaced film of something that moves."""
    width = picture.shape[1]
    shift = max(1, round(width * rng.uniform(0.004, 0.025))) * (1 if rng.random() < 0.5 else -1)
    combed = picture.copy()
    combed[1::2] = np.roll(picture[1::2], shift, axis=1)
    return combed
