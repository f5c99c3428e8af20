"""Look at each plate found again, cut out straight: firmer corners, and what it really is.

The detector sees the whole photograph, shrunk, where a sign may pass for a plate and a corner is
off by a pixel or two. The refiner sees one place alone, in colour, along the corners found so far,
and says where in that picture the plate's corners are, and whether it is a Hong Kong plate, another
place's, or none.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.bundle import REMEDY
from hkplates.recognition.bundles.litert import open_interpreter
from hkplates.recognition.images.warp import downsample_by_halves
from hkplates.recognition.types import Photo

HEIGHT, WIDTH = 64, 128
"""Pixels of the network's input, whatever the plate's proportions."""

MARGIN = 0.4
"""What the input shows around the corners found so far, in heights of the plate."""

CLASSES = ("hong_kong", "other", "none")
"""What a place can be, in the order of the network's answers."""

ITERATIONS = 2
"""How often the corners of a plate are moved; after that they hardly move any more."""

EARLY_EXIT_LOGIT = (
    2.0  # lead of "none" after the first pass, from which a place is not looked at again
)

MIN_HEIGHT = 3.0  # pixels; what is lower is not looked at
MAX_SCALE_RATIO = 1.6  # times the input's own scale: a sharper place is shrunk before it is turned
PADDING = (114, 114, 114)  # beyond the photograph's edge

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Refined:
    """Corners (4, 2) in pixels of the photograph, and logits (3,) of KINDS."""

    corners: Points
    class_logits: Points

    def log_odds(self, label: int) -> float:
        """Log-odds of one of KINDS against all others."""
        others = np.delete(self.class_logits, label)
        return float(self.class_logits[label] - np.logaddexp.reduce(others))


@dataclass(frozen=True, slots=True)
class RefinerPatch:
    """What the network is shown of a quad: `pixels` (HEIGHT, WIDTH, 3) uint8 RGB.

    `corners` (4, 2) are the quad's in its pixels; `turn` (3, 3) leads there from the photograph's.
    """

    pixels: Photo
    corners: Points
    homography: Points

    def from_photo(self, points: Points) -> Points:
        """Points (n, 2) of the photograph in pixels of the input."""
        return _project(self.homography, points)

    def to_photo(self, points: Points) -> Points:
        """The way back."""
        return _project(np.asarray(np.linalg.inv(self.homography), np.float64), points)


class Refiner:
    """The network, in LiteRT on one core. Not to be used by two threads at once."""

    def __init__(self, model: Path) -> None:
        """Load the network in a file.

        Raises:
            BundleInvalid: where LiteRT cannot load it, or it is no refiner.
        """
        self._interpreter = open_interpreter(model)
        given = self._interpreter.get_input_details()[0]
        answer = self._interpreter.get_output_details()[0]
        shapes = tuple(given["shape"]), tuple(answer["shape"])
        if shapes != ((1, HEIGHT, WIDTH, 3), (1, 8 + len(CLASSES))):
            raise BundleInvalid(f"{model} is no refiner, but a network of {shapes}. {REMEDY}")
        self._input, self._output = given["index"], answer["index"]

    def refine(self, photo: Photo, corners: Points) -> Refined | None:
        """Look at the quad `corners` (4, 2) of a photograph; None where that cannot be a plate."""
        kinds = []
        for _ in range(ITERATIONS):
            glimpse = crop_patch(photo, corners)
            if glimpse is None:
                return None
            moves, seen = self._forward(glimpse.pixels)
            corners = glimpse.to_photo(glimpse.corners + moves)
            kinds.append(seen)
            if Refined(corners, seen).log_odds(CLASSES.index("none")) > EARLY_EXIT_LOGIT:
                break
        return Refined(corners, np.mean(kinds, axis=0)) if may_be_plate(corners) else None

    def _forward(self, pixels: Photo) -> tuple[Points, Points]:
        """How far the corners are off (4, 2), in pixels of the input, and logits (3,) of KINDS."""
        self._interpreter.set_tensor(self._input, pixels[None])
        self._interpreter.invoke()
        flat = self._interpreter.get_tensor(self._output)[0].astype(np.float64)
        return flat[:8].reshape(4, 2), flat[8:]


def crop_patch(photo: Photo, corners: Points) -> RefinerPatch | None:
    """Turn a quad of the photograph upright into the network's input; None if it is no plate's."""
    if not may_be_plate(corners):
        return None
    width, height = plate_size(corners)
    down = HEIGHT / (1 + 2 * MARGIN)
    inner = _target_corners(min(width / height, 8.0))
    turn = np.asarray(
        cv2.getPerspectiveTransform(corners.astype(np.float32), inner.astype(np.float32)),
        np.float64,
    )
    part, origin, scale = _cut_around(
        photo, corners, height, min(1.0, MAX_SCALE_RATIO * down / height)
    )
    # From the part to the photograph, from there to the input; then between pixels' middles.
    back = np.array([[1 / scale[0], 0, origin[0]], [0, 1 / scale[1], origin[1]], [0, 0, 1]])
    whole = _translation(-0.5) @ turn @ back @ _translation(0.5)
    pixels = cv2.warpPerspective(part, whole, (WIDTH, HEIGHT), borderValue=PADDING)
    return RefinerPatch(np.asarray(pixels, np.uint8), inner, turn)


def may_be_plate(corners: Points) -> bool:
    """Whether a quad is convex, not on end, and large enough to look at."""
    width, height = plate_size(corners)
    plausible = np.isfinite(corners).all() and height >= MIN_HEIGHT and width >= height / 2
    return bool(plausible) and cv2.isContourConvex(corners.astype(np.float32))


def plate_size(corners: Points) -> tuple[float, float]:
    """Mean width and height of a quad in pixels."""
    top, right, bottom, left = np.linalg.norm(corners[[1, 2, 3, 0]] - corners, axis=1)
    return float(top + bottom) / 2, float(right + left) / 2


def pixels_per_plate_height(aspect: float) -> tuple[float, float]:
    """Pixels of the input in one height of a plate of this width / height, across and down."""
    return WIDTH / (aspect + 2 * MARGIN), HEIGHT / (1 + 2 * MARGIN)


def _target_corners(aspect: float) -> Points:
    """Where the input shows the quad's corners."""
    left, top = (MARGIN * unit for unit in pixels_per_plate_height(aspect))
    right, bottom = WIDTH - left, HEIGHT - top
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _cut_around(
    photo: Photo, corners: Points, height: float, shrink: float
) -> tuple[Photo, Points, Points]:
    """The piece around a quad, shrunk; its origin in the photograph, and its scale."""
    spare = 1.5 * MARGIN * height + 2 / shrink
    low = np.clip(np.floor(corners.min(axis=0) - spare).astype(int), 0, photo.shape[1::-1])
    high = np.clip(np.ceil(corners.max(axis=0) + spare).astype(int), 0, photo.shape[1::-1])
    part = photo[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return np.full((1, 1, 3), PADDING, np.uint8), low.astype(float), np.ones(2)
    if shrink == 1.0:
        return part, low.astype(float), np.ones(2)
    part, times = downsample_by_halves(part, shrink)
    whole = times * np.array(part.shape[1::-1])
    size = np.maximum(np.round(whole * shrink).astype(int), 1)
    small = cv2.resize(part, size.tolist())
    return np.asarray(small, np.uint8), low.astype(float), size / whole


def _translation(by: float) -> Points:
    return np.array([[1, 0, by], [0, 1, by], [0, 0, 1.0]])


def _project(matrix: Points, points: Points) -> Points:
    return np.asarray(cv2.perspectiveTransform(points[None], matrix)[0], np.float64)
