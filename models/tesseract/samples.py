"""Generates training lines from synthetic and real plates, segmented by the code that reads."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.reading.tesseract.lines import LineView, line_views
from hkplates.recognition.reading.tesseract.voting import NO_ROW
from hkplates.recognition.types import Crop
from models.reader import augmentation, photo_crops
from models.reader.dataset import Mixture, SampleGenerator
from models.reader.photo_crops import HeldOut, RealPlate
from models.reader.text_rendering import Label
from models.tesseract.lstmf import Page


class LineGenerator:
    """Generates labelled lines of random plates, without end."""

    def __init__(self, data: Path, seed: int, held: HeldOut, fonts: Sequence[Path] = ()) -> None:
        """Loads `data`, which holds train/ and backgrounds/, without the plates held out."""
        self._rng = np.random.default_rng(seed)
        self._synthetic = SampleGenerator(data, seed, held, fonts)
        plates = [p for p in photo_crops.hong_kong_plates(data / "train") if p.label not in held]
        self._real = plates + [p for p in plates if p.varied] * 2  # they are few and differ most
        self._unread = photo_crops.unread_plates(data / "train")
        self._backgrounds = photo_crops.background_photos(data / "backgrounds")

    def pages(self, mixture: Mixture, plain: float = 1.0) -> Iterator[Page]:
        """Yields the lines of one plate after the other, in every view that the reader would make.

        Of the plain views the share `plain` is taken.
        """
        while True:
            crop, label = self.random_plate(mixture)
            views = [
                v
                for v in line_views(crop)
                if v.preprocessing == "clean" or self._rng.random() < plain
            ]
            yield from labelled_lines(views, label)

    def random_plate(self, mixture: Mixture) -> tuple[Crop, Label]:
        """Draws one plate or negative, rectified on jittered corners, and its label."""
        chance, jitter = self._rng.random(), self._rng.uniform(*mixture.jitter)
        if self._real and chance < mixture.hong_kong:
            return self._augment_real(self._pick(self._real), jitter)
        if chance < mixture.hong_kong + mixture.negatives:
            return self._negative_sample(jitter)
        pixels, corners, label = self._synthetic.simulated_photo(mixture)
        return augmentation.rectify_gray(pixels, corners), label

    def _augment_real(self, plate: RealPlate, jitter: float) -> tuple[Crop, Label]:
        """Rectifies a real plate on jittered corners, sometimes scaled down or degraded."""
        rng, pixels, corners = self._rng, plate.pixels, plate.corners
        if rng.random() < 0.4:
            scale = rng.uniform(0.55, 1.0)
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            corners = corners * np.float32(scale)
        if rng.random() < 0.45:
            pixels = augmentation.degrade(rng, pixels)
        corners = augmentation.jitter_corners(rng, corners, jitter)
        return augmentation.rectify_gray(pixels, corners), plate.label

    def _negative_sample(self, jitter: float) -> tuple[Crop, Label]:
        """Draws another place's plate, or a background patch: a crop without text."""
        rng = self._rng
        if self._unread and rng.random() < 0.5:
            return self._augment_real(self._pick(self._unread), jitter)
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
        corners = augmentation.jitter_corners(rng, corners, jitter)
        return augmentation.rectify_gray(picture, corners), Label("", 1, None)

    def _pick(self, plates: Sequence[RealPlate]) -> RealPlate:
        return plates[self._rng.integers(len(plates))]


def labelled_lines(views: Sequence[LineView], label: Label) -> Iterator[Page]:
    """Yields the lines of views with their texts, NO_ROW for lines that are no row of a plate.

    One row split in two is no row, and neither is a line of a negative. Two rows in one line are
    left out: what such a line shows may be one whole row.
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
