"""Crops training views out of photographs, and fits plates into them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from hkplates.recognition.images.warp import PADDING
from models.detector.dataset import LabelledPhoto, LabelledPlate
from models.detector.targets import plate_size
from models.synthesis.perspective import perspective_quad
from models.synthesis.plates import Plate

USUAL_SIZE = 224  # pixels; side of a view
MIN_WIDTH, MAX_WIDTH = 17.0, 220.0  # pixels; widths of plates in a view of this side


@dataclass(frozen=True, slots=True)
class View:
    """A square picture, RGB uint8, and the plates on it in its pixels."""

    pixels: np.ndarray
    plates: tuple[LabelledPlate, ...]
    in_hong_kong: bool = False


class Cropper:
    """Crops square views of `size` pixels; padding may show a part of one of `backgrounds`."""

    def __init__(self, size: int, backgrounds: Sequence[LabelledPhoto]) -> None:
        self._size = size
        self._factor = size / USUAL_SIZE
        self._backgrounds = backgrounds

    def crop_around(
        self, rng: np.random.Generator, photo: LabelledPhoto, plate: LabelledPlate
    ) -> View:
        """Crops a view of the plate, MIN_WIDTH to MAX_WIDTH wide by the side of the view."""
        width, _ = plate_size(plate.quad)
        least, most = MIN_WIDTH * self._factor, MAX_WIDTH * self._factor
        wide = log_uniform(rng, least, min(most, max(width * 1.7, least + 1)))
        # A wide plate anywhere in the view would mostly be cut by its edge.
        inset = min(wide / self._size / 2 + 0.02, 0.5) if rng.random() < 0.8 else 0.12
        focus = tuple(plate.quad.mean(0))
        return self.crop(rng, photo, focus, wide / max(width, 1.0), max(inset, 0.12))

    def crop(
        self,
        rng: np.random.Generator,
        photo: LabelledPhoto,
        focus: tuple[float, float],
        scale: float,
        inset: float = 0.12,
    ) -> View:
        """Crops a view at `scale`, rotated half of the time.

        `focus` lies somewhere inside it, at least `inset` of its side from its edges.
        """
        size = self._size
        scales = scale * rng.uniform(0.93, 1.07, 2)
        side = size / scales
        origin = np.array(focus) - side * rng.uniform(inset, 1 - inset, 2)
        if rng.random() < 0.85:  # rather all photograph than half of it padding
            room = np.array(photo.pixels.shape[1::-1]) - side
            origin = np.where(room > 0, np.clip(origin, 0, np.maximum(room, 0)), origin)
        canvas = self._padding(rng)
        pixels = resample_window(canvas, photo.pixels, origin, side)
        quads = [(plate.quad - origin) * scales for plate in photo.plates]
        if rng.random() < 0.5:
            pixels, quads = rotate(pixels, quads, rng.normal(0, 4))
        placed = zip(photo.plates, quads, strict=True)
        plates = tuple(replace(plate, quad=quad.astype(np.float32)) for plate, quad in placed)
        plates = tuple(plate for plate in plates if _is_inside(plate.quad, size))
        return View(pixels, plates, photo.shows_hong_kong_plate)

    def _padding(self, rng: np.random.Generator) -> np.ndarray:
        """Makes a canvas for photographs that do not fill a view: grey, or part of a background."""
        size = self._size
        canvas = np.full((size, size, 3), PADDING, np.uint8)
        if not self._backgrounds or rng.random() < 0.4:
            return canvas
        picture = self._backgrounds[rng.integers(len(self._backgrounds))].pixels
        room = np.maximum(np.array(picture.shape[:2]) - size, 1)
        top, left = rng.integers(0, room)
        part = picture[top : top + size, left : left + size]
        canvas[: part.shape[0], : part.shape[1]] = part
        return canvas


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draws a number whose logarithm is evenly distributed between those of `low` and `high`."""
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))


def scaled_quad(quad: np.ndarray, factor: float) -> np.ndarray:
    """Scales a quad (4, 2) by `factor` about its middle."""
    middle = quad.mean(0)
    return ((quad - middle) * factor + middle).astype(np.float32)


def covering_quad(rng: np.random.Generator, drawn: Plate, box: np.ndarray) -> np.ndarray:
    """Places the drawn plate over an upright box (4, 2), in the plate's own proportions."""
    width, height = plate_size(box)
    own_width, own_height = plate_size(drawn.corners)
    wide = max(width, height * own_width / own_height) * 1.05
    size = (wide, wide * own_height / own_width)
    return perspective_quad(rng, tuple(box.mean(0)), size)


def sample_light(rng: np.random.Generator, pixels: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """Draws the brightness and tint (3,) of a plate at `quad`, by chance and by its surroundings.

    Factors of red, green and blue, to multiply the plate's colours with.
    """
    left, top = np.maximum(quad.min(0).astype(int) - 10, 0)
    right, bottom = quad.max(0).astype(int) + 10
    around = pixels[top:bottom, left:right]
    mean = around.reshape(-1, 3).mean(0) if around.size else np.full(3, 128.0)
    tint = mean / max(mean.mean(), 1.0)
    level = np.clip(mean.mean() / 128, 0.35, 1.25) ** rng.uniform(0.0, 0.7)
    return level * rng.uniform(0.75, 1.1) * (1 + (tint - 1) * rng.uniform(0, 0.4))


def paint_bodywork(rng: np.random.Generator, pixels: np.ndarray, quad: np.ndarray) -> None:
    """Paints coloured bodywork behind a plate, so that plates are not known by their edge."""
    wide = (quad - quad.mean(0)) * rng.uniform(1.15, 2.0, 2) + quad.mean(0)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.6 else np.full(3, rng.uniform(180, 255))
    cv2.fillConvexPoly(pixels, wide.round().astype(int), colour.tolist(), cv2.LINE_AA)


def resample_window(
    canvas: np.ndarray, photo: np.ndarray, origin: np.ndarray, side: np.ndarray
) -> np.ndarray:
    """Resamples the window of a photograph from `origin`, `side` wide and high, onto the canvas.

    The window is resampled from exactly `origin`: whole pixels would shift the corners by up to
    half a pixel of the photograph, and corners are to be learned finer than that.
    """
    size = canvas.shape[0]
    height, width = photo.shape[:2]
    low = np.clip(np.floor(origin).astype(int), 0, (width, height))
    high = np.clip(np.ceil(origin + side).astype(int), 0, (width, height))
    if (high - low < 2).any():
        return canvas
    factor = size / side
    part = photo[low[1] : high[1], low[0] : high[0]]
    if factor.max() < 0.8:
        shape = np.maximum(np.round((high - low) * factor).astype(int), 2)
        part = cv2.resize(part, shape.tolist(), interpolation=cv2.INTER_AREA)
    stretch = (high - low) * factor / part.shape[1::-1]
    shift = (low - origin) * factor + 0.5 * stretch - 0.5
    matrix = np.array([[stretch[0], 0, shift[0]], [0, stretch[1], shift[1]]])
    return cv2.warpAffine(part, matrix, (size, size), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)


def rotate(
    pixels: np.ndarray, quads: Sequence[np.ndarray], degrees: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Rotates a square picture and the quads on it about its middle."""
    size = pixels.shape[0]
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    pixels = cv2.warpAffine(pixels, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return pixels, [(quad - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5 for quad in quads]


def _is_inside(quad: np.ndarray, size: int) -> bool:
    """Checks that a quad's middle is in a view or at most a fifth of its side beyond it."""
    return bool((quad.mean(0) > -size * 0.2).all() and (quad.mean(0) < size * 1.2).all())
