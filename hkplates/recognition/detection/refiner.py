"""Refines each proposal in a rectified patch: its corners by regression, and its class.

The detector's input is the whole photograph, shrunk, where a sign may pass for a plate and a corner
is off by a pixel or two. The refiner's input is the patch of one proposal alone, in colour, along
the corners found so far; its output is where in that patch the plate's corners are, and logits of a
Hong Kong plate, another place's, and none.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.bundle import REMEDY
from hkplates.recognition.bundles.litert import open_interpreter
from hkplates.recognition.images.warp import PADDING, downsample_by_halves
from hkplates.recognition.types import Photo

HEIGHT, WIDTH = 64, 128
"""Pixels of the network's input, whatever the plate's proportions."""

MARGIN = 0.4
"""Margin of the patch around the corners found so far, in heights of the plate."""

CLASSES = ("hong_kong", "other", "none")
"""Classes of a proposal, in the order of the network's logits."""

ITERATIONS = 2
"""Passes of corner regression over a proposal; after that corners hardly move any more."""

EARLY_EXIT_LOGIT = 2.0  # log-odds of "none" above which there is no further pass

MIN_HEIGHT = 3.0  # pixels; lower quads are not refined
MAX_SCALE_RATIO = 1.6  # times the input's own scale: a sharper part is shrunk before it is warped

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Refined:
    """A refined proposal: corners (4, 2) in pixels of the photograph, logits (3,) of CLASSES."""

    corners: Points
    class_logits: Points

    def log_odds(self, label: int) -> float:
        """Returns the log-odds of one of CLASSES against all others together."""
        # log(p / (1 - p)) of the softmax, whose denominator cancels.
        others = np.delete(self.class_logits, label)
        return float(self.class_logits[label] - np.logaddexp.reduce(others))


@dataclass(frozen=True, slots=True)
class RefinerPatch:
    """The network's input for a quad: `pixels` (HEIGHT, WIDTH, 3) uint8 RGB.

    `corners` (4, 2) are the quad's in its pixels; `homography` (3, 3) maps the photograph's pixels
    to them.
    """

    pixels: Photo
    corners: Points
    homography: Points

    def from_photo(self, points: Points) -> Points:
        """Maps points (n, 2) of the photograph to pixels of the patch."""
        return _project(self.homography, points)

    def to_photo(self, points: Points) -> Points:
        """Maps points (n, 2) of the patch back to pixels of the photograph."""
        return _project(np.asarray(np.linalg.inv(self.homography), np.float64), points)


class Refiner:
    """The refinement network in LiteRT on one core. Not to be used by two threads at once."""

    def __init__(self, model: Path) -> None:
        """Loads the network in a file.

        Raises:
            BundleInvalid: where LiteRT cannot load it, or it is no refiner.
        """
        self._interpreter = open_interpreter(model)
        given = self._interpreter.get_input_details()[0]
        output = self._interpreter.get_output_details()[0]
        shapes = tuple(given["shape"]), tuple(output["shape"])
        if shapes != ((1, HEIGHT, WIDTH, 3), (1, 8 + len(CLASSES))):
            raise BundleInvalid(f"{model} is no refiner, but a network of {shapes}. {REMEDY}")
        self._input, self._output = given["index"], output["index"]

    def refine(self, photo: Photo, corners: Points) -> Refined | None:
        """Refines the quad `corners` (4, 2) of a photograph; None where that cannot be a plate."""
        class_logits = []
        for _ in range(ITERATIONS):
            patch = crop_patch(photo, corners)
            if patch is None:
                return None
            offsets, logits = self._forward(patch.pixels)
            # Offsets are pixels of the patch; the next pass crops along the moved corners.
            corners = patch.to_photo(patch.corners + offsets)
            class_logits.append(logits)
            if Refined(corners, logits).log_odds(CLASSES.index("none")) > EARLY_EXIT_LOGIT:
                break
        mean_logits = np.mean(class_logits, axis=0)  # over the passes
        return Refined(corners, mean_logits) if may_be_plate(corners) else None

    def _forward(self, pixels: Photo) -> tuple[Points, Points]:
        """Returns corner offsets (4, 2) in pixels of the patch, and logits (3,) of CLASSES."""
        self._interpreter.set_tensor(self._input, pixels[None])
        self._interpreter.invoke()
        flat = self._interpreter.get_tensor(self._output)[0].astype(np.float64)
        return flat[:8].reshape(4, 2), flat[8:]


def crop_patch(photo: Photo, corners: Points) -> RefinerPatch | None:
    """Warps a quad of the photograph upright into the network's input; None if no plate's."""
    if not may_be_plate(corners):
        return None
    width, height = plate_size(corners)
    down = HEIGHT / (1 + 2 * MARGIN)
    # The homography takes the quad to an upright rectangle of its own proportions, up to 8 to 1.
    inner = _target_corners(min(width / height, 8.0))
    homography = np.asarray(
        cv2.getPerspectiveTransform(corners.astype(np.float32), inner.astype(np.float32)),
        np.float64,
    )
    part, origin, scale = _cut_around(
        photo, corners, height, min(1.0, MAX_SCALE_RATIO * down / height)
    )
    # From the part to the photograph, from there to the input; then between pixels' middles.
    back = np.array([[1 / scale[0], 0, origin[0]], [0, 1 / scale[1], origin[1]], [0, 0, 1]])
    whole = _translation(-0.5) @ homography @ back @ _translation(0.5)
    pixels = cv2.warpPerspective(part, whole, (WIDTH, HEIGHT), borderValue=(PADDING,) * 3)
    return RefinerPatch(np.asarray(pixels, np.uint8), inner, homography)


def may_be_plate(corners: Points) -> bool:
    """Checks that a quad is convex, not on end, and large enough to refine."""
    width, height = plate_size(corners)
    plausible = np.isfinite(corners).all() and height >= MIN_HEIGHT and width >= height / 2
    return bool(plausible) and cv2.isContourConvex(corners.astype(np.float32))


def plate_size(corners: Points) -> tuple[float, float]:
    """Returns the mean width and height of a quad in pixels."""
    top, right, bottom, left = np.linalg.norm(corners[[1, 2, 3, 0]] - corners, axis=1)
    return float(top + bottom) / 2, float(right + left) / 2


def pixels_per_plate_height(aspect: float) -> tuple[float, float]:
    """Returns pixels of the patch in one height of a plate of width / height `aspect`: x, y."""
    return WIDTH / (aspect + 2 * MARGIN), HEIGHT / (1 + 2 * MARGIN)


def _target_corners(aspect: float) -> Points:
    """Returns the corners (4, 2) in the patch of a plate of this width / height."""
    left, top = (MARGIN * unit for unit in pixels_per_plate_height(aspect))
    right, bottom = WIDTH - left, HEIGHT - top
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _cut_around(
    photo: Photo, corners: Points, height: float, shrink: float
) -> tuple[Photo, Points, Points]:
    """Cuts out the part around a quad, shrunk; with its origin in the photograph and its scale."""
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
