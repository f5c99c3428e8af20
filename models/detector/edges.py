"""Clips plates to what is seen of them, and sets views on the gray that surrounds photographs."""

from dataclasses import replace

import numpy as np

from hkplates.recognition.images.warp import PADDING
from models.detector.crops import View
from models.detector.dataset import UNCERTAIN, LabelledPlate
from models.detector.targets import plate_size

MIN_SEEN = 0.45  # share of a plate's area from which what is seen of it counts as a plate
CUT_CHANCE = 0.2  # of each side of a framed view, that the edge runs through the plate
NEAR_CHANCE = 0.55  # the same, that the edge lies near the plate and does not cut it

# The sides of a quad as pairs of its corners: left, top, right, bottom.
_SIDES = ((0, 3), (0, 1), (1, 2), (3, 2))
_OPPOSITE = ((1, 2), (3, 2), (0, 3), (0, 1))

Frame = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of a view."""


def clip_quad(quad: np.ndarray, frame: Frame) -> np.ndarray:
    """Clips a quad (4, 2) to a frame along its own sides, so that it stays the quad of a plate.

    A plate cut by the left edge of its photograph gets corners where its upper and its lower side
    meet that edge.
    """
    clipped = quad.astype(np.float64).copy()
    inside = (
        lambda p: p[:, 0] - frame[0],
        lambda p: p[:, 1] - frame[1],
        lambda p: frame[2] - p[:, 0],
        lambda p: frame[3] - p[:, 1],
    )
    for side, distance in enumerate(inside):
        away = distance(clipped)
        near, far = list(_SIDES[side]), list(_OPPOSITE[side])
        for corner, other in zip(near, far, strict=True):
            if away[corner] < 0 < away[other]:
                share = away[corner] / (away[corner] - away[other])
                clipped[corner] += share * (clipped[other] - clipped[corner])
    return clipped.astype(np.float32)


def clip_plates(view: View, frame: Frame | None = None) -> View:
    """Clips the plates of a view to the frame, else to the view itself.

    Of a plate of which less than MIN_SEEN is seen nobody can say what it is.
    """
    size = view.pixels.shape[0]
    edges = frame or (0.0, 0.0, float(size), float(size))
    return replace(view, plates=tuple(_seen(plate, edges) for plate in view.plates))


def _seen(plate: LabelledPlate, frame: Frame) -> LabelledPlate:
    quad = clip_quad(plate.quad, frame)
    seen, whole = (np.prod(plate_size(corners)) for corners in (quad, plate.quad))
    centre = quad.mean(0)
    lost = (centre < frame[:2]).any() or (centre > frame[2:]).any()
    label = UNCERTAIN if lost or seen < MIN_SEEN * whole else plate.label
    return replace(plate, quad=quad, label=label)


def set_on_gray(rng: np.random.Generator, view: View) -> View:
    """Ends a view near one of its plates as the photograph may end there, with gray around it.

    So look a bare crop of a plate and a plate at the photograph's edge in the detector's input.
    """
    size = float(view.pixels.shape[0])
    low, high = rng.uniform(0, 0.3, 2) * size, rng.uniform(0.7, 1.0, 2) * size
    if view.plates:
        low, high = _around(rng, view.plates[rng.integers(len(view.plates))].quad, size)
    left, top = np.clip(low, 0, size - 8).round().astype(int)
    right, bottom = np.clip(high, (left + 8, top + 8), size).round().astype(int)
    pixels = np.full_like(view.pixels, PADDING)
    pixels[top:bottom, left:right] = view.pixels[top:bottom, left:right]
    return clip_plates(
        replace(view, pixels=pixels), (float(left), float(top), float(right), float(bottom))
    )


def _around(
    rng: np.random.Generator, quad: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draws left and top, right and bottom of a photograph that ends about a plate."""
    width, height = plate_size(quad)
    ends = []
    for corner, outwards in ((quad.min(0), -1.0), (quad.max(0), 1.0)):
        end = np.empty(2)
        for axis in (0, 1):
            chance = rng.random()
            if chance < CUT_CHANCE:
                end[axis] = corner[axis] - outwards * rng.uniform(0, 0.4) * (width, height)[axis]
            elif chance < CUT_CHANCE + NEAR_CHANCE:
                end[axis] = corner[axis] + outwards * rng.uniform(0, 0.7) * height
            else:
                end[axis] = size if outwards > 0 else 0.0
        ends.append(end)
    return ends[0], ends[1]
