"""Rows to learn from: of drawn and of real plates, cut out and parted by the code that reads."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.tesseract.lines import LineView, line_views
from hkplates.recognition.reading.tesseract.voting import NO_ROW
from hkplates.recognition.types import Crop, Quad
from models.reader import augmentation, photo_crops
from models.reader.dataset import Mixture, SampleGenerator
from models.reader.photo_crops import HeldOut, RealPlate
from models.reader.text_rendering import Label
from models.tesseract.lstmf import Page


class LineGenerator:
    """Draws the rows of plates by chance, without end."""

    def __init__(self, data: Path, seed: int, held: HeldOut, fonts: Sequence[Path] = ()) -> None:
        """`data` holds train/ and backgrounds/; plates whose text is held out are left out."""
        self._rng = np.random.default_rng(seed)
        self._drawn = SampleGenerator(data, seed, held, fonts)
        plates = [p for p in photo_crops.hong_kong_plates(data / "train") if p.label not in held]
        self._real = plates + [p for p in plates if p.varied] * 2  # they are few and differ most
        self._mainland = photo_crops.mainland_plates(data / "train")
        self._backgrounds = photo_crops.background_photos(data / "backgrounds")

    def pages(self, mixture: Mixture, plain: float = 1.0) -> Iterator[Page]:
        """The rows of one plate after the other, in every way that reading would see them.

        Of the plain views the share `plain` is taken.
        """
        while True:
            crop, label = self.random_plate(mixture)
            seen = [
                v
                for v in line_views(crop)
                if v.preprocessing == "clean" or self._rng.random() < plain
            ]
            yield from labelled_lines(seen, label)

    def random_plate(self, mixture: Mixture) -> tuple[Crop, Label]:
        """One plate (or what is none) cut out along shaken corners, and its label."""
        chance, off = self._rng.random(), self._rng.uniform(*mixture.jitter)
        if self._real and chance < mixture.hong_kong:
            return self._augment_real(self._pick(self._real), off)
        if chance < mixture.hong_kong + mixture.negatives:
            return self._negative_sample(off)
        pixels, corners, label = self._drawn.simulated_photo(mixture)
        return _rectify_gray(pixels, corners), label

    def _augment_real(self, plate: RealPlate, off: float) -> tuple[Crop, Label]:
        """A real plate along shaken corners, sometimes seen worse than it was."""
        rng, pixels, corners = self._rng, plate.pixels, plate.corners
        if rng.random() < 0.4:
            scale = rng.uniform(0.55, 1.0)
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            corners = corners * np.float32(scale)
        if rng.random() < 0.45:
            pixels = augmentation.degrade(rng, pixels)
        return _rectify_gray(pixels, augmentation.jitter_corners(rng, corners, off)), plate.label

    def _negative_sample(self, off: float) -> tuple[Crop, Label]:
        """A mainland plate or a piece of a street: nothing to read."""
        rng = self._rng
        if self._mainland and rng.random() < 0.5:
            return self._augment_real(self._pick(self._mainland), off)
        picture = (
            self._backgrounds[rng.integers(len(self._backgrounds))]
            if self._backgrounds
            else np.full((200, 300), 128, np.uint8)
        )
        height = rng.uniform(12, 60)
        size = np.array([height * rng.uniform(1.4, 5), height])
        left, top = rng.uniform(0, np.maximum(np.array(picture.shape[::-1]) - size, 1))
        right, bottom = left + size[0], top + size[1]
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        return _rectify_gray(picture, augmentation.jitter_corners(rng, corners, off)), Label(
            "", 1, None
        )

    def _pick(self, plates: Sequence[RealPlate]) -> RealPlate:
        return plates[self._rng.integers(len(plates))]


def labelled_lines(views: Sequence[LineView], label: Label) -> Iterator[Page]:
    """The lines of views whose text is known.

    One row cut in two is no row, and neither is what holds no plate. Two rows seen as one are left
    out: what is shown of them may be one whole row.
    """
    for view in views:
        if not label.text or len(view.lines) > label.rows:
            texts: Sequence[str] = [NO_ROW] * len(view.lines)
        elif len(view.lines) < label.rows:
            continue
        elif label.rows == 1:
            texts = [label.text]
        elif label.upper:
            texts = [label.text[: label.upper], label.text[label.upper :]]
        else:
            continue
        for line, text in zip(view.lines, texts, strict=True):
            if text:
                yield Page(line, text)


def _rectify_gray(pixels: np.ndarray, corners: np.ndarray) -> Crop:
    return rectify(np.repeat(pixels[:, :, None], 3, axis=2), Quad.from_array(corners))
