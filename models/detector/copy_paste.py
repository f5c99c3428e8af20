"""Copies plates of photographs for other cars, and recolours white plates yellow.

Most Hong Kong plates that were photographed hang on the fronts of one bridge's vans, and most rears
of cars are of other countries: a detector that learns from these alone goes by the car. Pasted and
recoloured, the plate itself has to tell.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from models.detector.dataset import HONG_KONG, OTHER, LabelledPhoto, LabelledPlate
from models.detector.targets import plate_size
from models.synthesis.plates import Plate, Rows

MIN_DONOR_WIDTH = 48.0  # pixels; a plate of fewer shows nothing when it is moved
# Level (0 to 255) that a pasted plate's ground is brought to, as a drawn one has it.
GROUND_LEVEL = 210.0
# Difference of log(width / height) up to which a plate may take another's place.
MAX_LOG_ASPECT_GAP = 0.35


class DonorPlates:
    """The plates of a data set, rectified, to be pasted onto other cars."""

    def __init__(self, photos: Sequence[LabelledPhoto]) -> None:
        self._plates: dict[int, list[Plate]] = {HONG_KONG: [], OTHER: []}
        self._aspects: dict[int, np.ndarray] = {}
        for photo in photos:
            if not photo.file.startswith("drawn-"):
                self._add(photo)
        for label, plates in self._plates.items():
            sizes = [plate_size(plate.corners) for plate in plates]
            self._aspects[label] = np.log([width / height for width, height in sizes])

    def _add(self, photo: LabelledPhoto) -> None:
        for plate in photo.plates:
            if plate.label in self._plates and plate_size(plate.quad)[0] >= MIN_DONOR_WIDTH:
                self._plates[plate.label].append(_rectify(photo, plate))

    def pick(
        self, rng: np.random.Generator, label: int, aspect: float, yellow: float
    ) -> Plate | None:
        """Picks a plate of about `aspect` (width / height); None where there is none.

        A white one is recoloured yellow with the chance `yellow`.

        A yellow plate stays yellow; no black or blue one becomes it.
        """
        near = np.flatnonzero(np.abs(self._aspects[label] - np.log(aspect)) < MAX_LOG_ASPECT_GAP)
        if not len(near):
            return None
        plate = self._plates[label][near[rng.integers(len(near))]]
        pixels = plate.pixels
        ground = max(float(np.percentile(pixels, 80)), 40.0)
        # A dark ground is dark of itself, and does not tell how much light there was.
        if ground > 110:
            pixels = np.clip(pixels * (GROUND_LEVEL / ground), 0, 255).astype(np.uint8)
            if plate.colour == "white" and rng.random() < yellow:
                pixels = (pixels * yellow_gains(rng)).clip(0, 255).astype(np.uint8)
        return Plate(pixels, plate.corners, plate.text, plate.rows, plate.colour, plate.region)


def yellow_gains(rng: np.random.Generator) -> np.ndarray:
    """Draws factors of red, green and blue that turn white into the yellow of a rear plate.

    From lemon to the deep orange of old plates under lamps.
    """
    green = rng.uniform(0.68, 0.95)
    return np.array([rng.uniform(0.98, 1.12), green, green * rng.uniform(0.05, 0.6)])


def recolour_yellow(rng: np.random.Generator, pixels: np.ndarray, quad: np.ndarray) -> None:
    """Recolours the white plate inside `quad` yellow, in the picture itself (RGB uint8)."""
    left, top = np.maximum(np.floor(quad.min(0)).astype(int) - 2, 0)
    right, bottom = np.minimum(np.ceil(quad.max(0)).astype(int) + 2, pixels.shape[1::-1])
    if right - left < 3 or bottom - top < 3:
        return
    area = pixels[top:bottom, left:right]
    inside = np.zeros(area.shape[:2], np.float32)
    outline = ((quad - (left, top) - 0.5) * 16).round().astype(int)
    cv2.fillConvexPoly(inside, outline, 1.0, cv2.LINE_AA, shift=4)
    factors = 1 + (yellow_gains(rng) - 1) * inside[..., None]
    area[:] = (area * factors).clip(0, 255).astype(np.uint8)


def _rectify(photo: LabelledPhoto, plate: LabelledPlate) -> Plate:
    """Warps the plate to a rectangle, at its own size."""
    width, height = (max(round(side), 2) for side in plate_size(plate.quad))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(plate.quad - np.float32(0.5), corners - np.float32(0.5))
    flat = cv2.warpPerspective(
        photo.pixels, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    colour = plate.colour if plate.colour in ("white", "yellow") else "other"
    rows: Rows = 2 if plate.rows == 2 else 1
    region = "HK" if plate.label == HONG_KONG else "other"
    return Plate(flat, corners, plate.text or "", rows, colour, region)
