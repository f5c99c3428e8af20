"""Warps photographs to a network's input size, and plates to rectified crops."""

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.types import Crop, Photo, Quad

CROP_MARGIN = 0.4
"""Margin of a crop around its plate on each side, as a share of the plate's height.

Enough to find the plate's edges again where a detector's corners are off.
"""

PADDING = 114
"""Gray level around a photograph that does not fill a network's input."""

TWO_ROWS_ASPECT = 2.6
"""Width over height up to which a plate is taken for one of two rows and cropped twice as high."""

_HALVING_SCALE = 0.6  # a photograph to be scaled by this or less is halved first
_MIN_HALVED_SIDE = 32  # pixels; of a smaller picture the row left out would be missed


def letterbox(photo: Photo, width: int, height: int) -> tuple[Photo, float, float, float]:
    """Scales a photograph into width x height without stretching it, padded with gray.

    Returns:
        The (height, width, 3) uint8 picture, and scale, offset_x, offset_y: a point (x, y) of the
        photograph lies at (x * scale + offset_x, y * scale + offset_y).
    """
    high, wide = photo.shape[:2]
    scale = min(width / wide, height / high)
    # At least one pixel stays of a very thin photograph.
    inner = max(1, min(width, round(wide * scale))), max(1, min(height, round(high * scale)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    boxed = np.full((height, width, 3), PADDING, np.uint8)
    # Area interpolation in one step takes five times as long or more, and the detector finds the
    # same; bilinear from halves misses no pixel.
    boxed[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        downsample_by_halves(photo, scale)[0], inner
    )
    return boxed, scale, float(left), float(top)


def downsample_by_halves(photo: Photo, scale: float) -> tuple[Photo, int]:
    """Halves a photograph that is to be shrunk to `scale`, as long as enough of it is left.

    Halves are exact means of 2 x 2 pixels and cheap; of an odd number of rows or columns the last
    one is left out.

    Returns:
        The picture, and the width of one of its pixels in pixels of the photograph.
    """
    factor = 1
    while scale * factor <= _HALVING_SCALE and min(photo.shape[:2]) >= _MIN_HALVED_SIDE:
        high, wide = photo.shape[0] // 2, photo.shape[1] // 2
        even = photo[: 2 * high, : 2 * wide]
        photo = np.asarray(cv2.resize(even, (wide, high), interpolation=cv2.INTER_AREA), np.uint8)
        factor *= 2
    return photo, factor


def rectify(photo: Photo, quad: Quad) -> Crop:
    """Crops a plate by perspective warp to a frontal view, in its own proportions.

    The plate is made 72 pixels high if it is wide (one row), else 144 (two rows), so that
    characters are some 48 pixels high; CROP_MARGIN of its surroundings is kept on each side.
    Beyond the photograph's edge its last pixels are repeated.
    """
    corners = quad.to_array()
    wide, high = _crop_size(corners)
    margin = round(high * CROP_MARGIN)
    inner = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32) + margin
    # The outer corner of the top left pixel is the origin; OpenCV's is that pixel's middle.
    homography = cv2.getPerspectiveTransform(corners - 0.5, inner - 0.5)
    size = (wide + 2 * margin, high + 2 * margin)
    return np.asarray(
        cv2.warpPerspective(
            photo, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _crop_size(corners: npt.NDArray[np.float32]) -> tuple[int, int]:
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    # Opposite sides are averaged: perspective shortens one of them. A point divides by no zero.
    aspect = float((sides[0] + sides[2]) / max(sides[1] + sides[3], 1e-3))
    aspect = min(max(aspect, 0.5), 8.0)  # beyond: a plate seen from the side, or no plate
    high = 72 if aspect > TWO_ROWS_ASPECT else 144
    return round(high * aspect), high
