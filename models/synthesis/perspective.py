"""Pastes a flat drawing into a picture in perspective, and inpaints plates.

Coordinates have their origin at the outer corner of the top left pixel, as everywhere in hkplates;
OpenCV counts from pixel centres, hence the halves.
"""

import cv2
import numpy as np

from models.synthesis.plates import Plate


def perspective_quad(
    rng: np.random.Generator, centre: tuple[float, float], size: tuple[float, float]
) -> np.ndarray:
    """Projects a rectangle of `size` (width, height) by a random camera; returns corners (4, 2).

    The camera is turned sideways by 20 degrees (one standard deviation), a little up or down, at a
    distance of 4 to 12 times the width.
    """
    yaw, pitch, roll = np.radians(rng.normal(0, [20, 8, 3])).clip(-1.0, 1.0)
    width, height = size
    flat = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([width, height]) / 2
    depth = flat[:, 0] * np.sin(yaw) + flat[:, 1] * np.sin(pitch)
    projected = flat * np.array([np.cos(yaw), np.cos(pitch)])
    projected[:, 1] += flat[:, 0] * np.sin(yaw) * np.sin(pitch)
    projected /= 1 + depth[:, None] / (width * rng.uniform(4, 12))
    turn = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    return (projected @ turn + np.array(centre)).astype(np.float32)


def quad_below(quad: np.ndarray, gap: float, height: float, width: float = 1.0) -> np.ndarray:
    """Returns a quad under `quad`: gap and height in units of its height, width of its width."""
    down_left, down_right = quad[3] - quad[0], quad[2] - quad[1]
    top = np.stack([quad[3] + gap * down_left, quad[2] + gap * down_right])
    middle, half = top.mean(0), (top[1] - top[0]) / 2 * width
    left, right = middle - half, middle + half
    low = height * down_left, height * down_right
    return np.stack([left, right, right + low[1], left + low[0]]).astype(np.float32)


def paste_plate(
    picture: np.ndarray, plate: Plate, quad: np.ndarray, light: float | np.ndarray = 1.0
) -> None:
    """Pastes `plate` into `picture` (RGB uint8, changed in place) with its corners on `quad`.

    `light` multiplies the plate's colours.
    """
    paste(picture, plate.pixels, plate.corners, quad, light)


def paste(
    picture: np.ndarray,
    pixels: np.ndarray,
    corners: np.ndarray,
    quad: np.ndarray,
    light: float | np.ndarray = 1.0,
) -> None:
    """Pastes any drawing whose `corners` shall lie on `quad`, as paste_plate does a plate."""
    pixels, corners = _downscale(pixels, corners, quad)
    height, width = pixels.shape[:2]
    onto = cv2.getPerspectiveTransform(corners.astype(np.float32), quad.astype(np.float32))
    outline = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float32)
    reach = cv2.perspectiveTransform(outline, onto)[0]
    left, top = np.maximum(np.floor(reach.min(0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(reach.max(0)).astype(int) + 1, picture.shape[1::-1])
    if right - left < 2 or bottom - top < 2:
        return
    half, back = np.eye(3), np.eye(3)
    half[:2, 2] = 0.5
    back[:2, 2] = -0.5 - left, -0.5 - top
    matrix, size = back @ onto @ half, (int(right - left), int(bottom - top))
    drawn = cv2.warpPerspective(pixels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, size)
    area = picture[top:bottom, left:right]
    alpha = (cover.astype(np.float32) / 255)[..., None]
    area[:] = np.clip(area * (1 - alpha) + drawn * light * alpha, 0, 255).astype(np.uint8)


def inpaint_plate(picture: np.ndarray, quad: np.ndarray) -> None:
    """Inpaints the inside of `quad` from its surroundings (the picture is changed in place)."""
    middle = quad.mean(0)
    grown = ((quad - middle) * 1.18 + middle).round()
    margin = 6
    left, top = np.maximum(grown.min(0).astype(int) - margin, 0)
    right, bottom = np.minimum(grown.max(0).astype(int) + margin, picture.shape[1::-1])
    if right - left < 4 or bottom - top < 4:
        return
    area = picture[top:bottom, left:right]
    small = cv2.resize(area, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    mask = np.zeros(small.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, ((grown - (left, top)) / 2).astype(int), 255)
    filled = cv2.inpaint(small, mask, 2, cv2.INPAINT_TELEA)
    size = (area.shape[1], area.shape[0])
    hidden = cv2.resize(mask, size)[..., None] > 127
    area[:] = np.where(hidden, cv2.resize(filled, size), area)


def _downscale(
    pixels: np.ndarray, corners: np.ndarray, quad: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scales the drawing down near its final size by area, so that a far plate does not alias."""
    factor = float(np.linalg.norm(quad[1] - quad[0]) / np.linalg.norm(corners[1] - corners[0]))
    if factor >= 0.75:
        return pixels, corners
    size = tuple(max(3, round(n * factor)) for n in pixels.shape[1::-1])
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return small, corners * (np.array(size) / np.array(pixels.shape[1::-1]))
