"""Generates the reader's training samples: synthetic, real and foreign plates, and backgrounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from models.reader import augmentation, photo_crops, text_rendering
from models.reader.hard_negatives import false_finds
from models.reader.network import BLANK, HEIGHT, SLOTS, SYMBOLS, WIDTH
from models.reader.photo_crops import HeldOut, RealPlate
from models.reader.text_rendering import Label
from models.synthesis.distractors import draw_macau, draw_mainland, draw_sign
from models.synthesis.fonts import FontLibrary
from models.synthesis.marks import PrintedMark, draw_mark

NO_TEXT = Label("", 1, None)
CUT_SHARE = 0.04  # of plates, that the photograph's edge cuts; their label is the whole mark
SHORT_SHARE = 0.12  # of drawn plates, with one to three digits
SMALLEST_REAL = 16.0  # pixels that a real plate is shrunk to at least, across


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """A training batch of n samples, in the order of the training step's arguments.

    `pixels` (n, HEIGHT, WIDTH, 1) uint8; `symbols` (n, SLOTS) int32, BLANK past the end.
    `lower_row` (n, SLOTS) float32 is 1 where a character stands in the lower row, `two_rows` (n, 1)
    float32 is 1 for a plate of two rows; the weights beside them are 0 where that is not known.
    """

    pixels: np.ndarray
    symbols: np.ndarray
    lower_row: np.ndarray
    lower_row_weight: np.ndarray
    two_rows: np.ndarray
    two_rows_weight: np.ndarray


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of samples other than synthetic plates of the usual series, and their difficulty.

    `others` are foreign plates, `negatives` samples without text. `smallest` is the least height of
    a synthetic character in pixels of the photograph; `jitter` the range of corner jitter, as a
    share of the plate's height. The names are the keys of config.yaml.
    """

    hong_kong: float
    others: float
    negatives: float
    personalised: float
    smallest: float
    jitter: tuple[float, float]


class SampleGenerator:
    """Draws training samples from a labelled folder and font folders, at random."""

    def __init__(
        self,
        data: Path,
        seed: int,
        held: HeldOut,
        fonts: Sequence[Path] = (),
        *,
        blur: bool = True,
        negatives: bool = False,
    ) -> None:
        """Loads `data`, which holds train/ and backgrounds/, without the plates held out.

        Without `blur` no sample is blurred further (benchmarks/ablations.py). With `negatives` the
        detector's false finds are among the samples without text; it takes half a minute to look.
        """
        self._blur = blur
        self._rng = np.random.default_rng(seed)
        self._fonts = FontLibrary(fonts)
        plates = [p for p in photo_crops.hong_kong_plates(data / "train") if p.label not in held]
        self._real = plates + [p for p in plates if p.varied]  # they are fewer and differ most
        self._foreign = photo_crops.foreign_plates(data / "train")
        self._unread = photo_crops.unread_plates(data / "train")
        self._false_finds = false_finds(data) if negatives else []
        self._backgrounds = photo_crops.background_photos(data / "backgrounds")

    def batch(self, size: int, mixture: Mixture) -> Batch:
        """Draws a batch of `size` samples."""
        samples = [self.sample(mixture) for _ in range(size)]
        pixels = np.stack([pixels for pixels, _ in samples])[..., None]
        return Batch(pixels, *encode([label for _, label in samples]))

    def sample(self, mixture: Mixture) -> tuple[np.ndarray, Label]:
        """Draws one (HEIGHT, WIDTH) uint8 picture and its label."""
        chance = self._rng.random()
        jitter = self._rng.uniform(*mixture.jitter)
        for share, make in (
            (mixture.hong_kong if self._real else 0, self._hong_kong_sample),
            (mixture.others if self._foreign else 0, self._foreign_sample),
            (mixture.negatives, self._negative_sample),
        ):
            if chance < share:
                return make(jitter)
            chance -= share
        return self._synthetic_sample(mixture)

    def simulated_photo(self, mixture: Mixture) -> tuple[np.ndarray, np.ndarray, Label]:
        """Draws a synthetic plate as pixels of a gray photograph, with jittered corners, label."""
        rng = self._rng
        plate = text_rendering.render_plate(
            rng, self._fonts, self._mark(mixture), self._background_patch()
        )
        pixels, corners = augmentation.simulate_photograph(
            rng, plate.pixels, plate.corners, plate.label.rows, mixture.smallest
        )
        jitter = rng.uniform(*mixture.jitter)
        if rng.random() < CUT_SHARE:
            pixels, corners = augmentation.cut_at_edge(rng, pixels, corners)
        pixels = self._degrade(pixels)
        return pixels, augmentation.jitter_corners(rng, corners, jitter), plate.label

    def _mark(self, mixture: Mixture) -> PrintedMark:
        rng, chance = self._rng, self._rng.random()
        if chance < mixture.personalised:
            return text_rendering.random_personalised_mark(rng)
        short = chance > 1 - SHORT_SHARE
        return text_rendering.random_short_mark(rng) if short else draw_mark(rng)

    def _synthetic_sample(self, mixture: Mixture) -> tuple[np.ndarray, Label]:
        pixels, corners, label = self.simulated_photo(mixture)
        return augmentation.crop_input(pixels, corners), label

    def _hong_kong_sample(self, jitter: float) -> tuple[np.ndarray, Label]:
        return self._augment_real(self._pick(self._real), jitter)

    def _foreign_sample(self, jitter: float) -> tuple[np.ndarray, Label]:
        return self._augment_real(self._pick(self._foreign), jitter)

    def _negative_sample(self, jitter: float) -> tuple[np.ndarray, Label]:
        """Draws what is no Hong Kong plate, or not a whole one; its text is empty."""
        rng, chance = self._rng, self._rng.random()
        if chance < 0.3 and self._false_finds:
            return self._augment_real(self._pick(self._false_finds), jitter)
        if chance < 0.5 and self._unread:
            return self._augment_real(self._pick(self._unread), jitter)
        if chance < 0.62:
            plate = (draw_mainland if rng.random() < 0.7 else draw_macau)(rng, self._fonts)
            return self._unread_sample(plate.pixels, plate.corners, jitter)
        if chance < 0.76:
            return self._lettering_sample(jitter)
        if chance < 0.9:
            return self._part_sample(jitter)
        patch = self._background_patch()
        stretched = cv2.resize(patch, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        return self._degrade(stretched), NO_TEXT

    def _lettering_sample(self, jitter: float) -> tuple[np.ndarray, Label]:
        """Draws a board with lettering, the whole of it or a piece that cuts through letters."""
        rng = self._rng
        board = draw_sign(rng, self._fonts, yellow=rng.random() < 0.3)
        height, width = board.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        if rng.random() < 0.6:
            long = min(width, height * rng.uniform(1.5, 5))
            left = rng.uniform(0, width - long)
            corners[:, 0] = [left, left + long, left + long, left]
        return self._unread_sample(board, corners, jitter)

    def _unread_sample(
        self, picture: np.ndarray, corners: np.ndarray, jitter: float
    ) -> tuple[np.ndarray, Label]:
        rng = self._rng
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        pixels, corners = augmentation.simulate_photograph(rng, gray, corners, 1, 3.5)
        pixels = self._degrade(pixels)
        corners = augmentation.jitter_corners(rng, corners, jitter)
        return augmentation.crop_input(pixels, corners), NO_TEXT

    def _part_sample(self, jitter: float) -> tuple[np.ndarray, Label]:
        """Crops a half of a plate or one of its two rows: a detector may take it for a whole."""
        rng = self._rng
        if self._real and rng.random() < 0.5:
            plate = self._pick(self._real)
            corners = augmentation.part_of_plate(rng, plate.corners, plate.label.rows)
            return self._augment_real(replace(plate, corners=corners, label=NO_TEXT), jitter)
        drawn = text_rendering.render_plate(
            rng, self._fonts, draw_mark(rng), self._background_patch()
        )
        corners = augmentation.part_of_plate(rng, drawn.corners, drawn.label.rows)
        pixels, corners = augmentation.simulate_photograph(rng, drawn.pixels, corners, 1, 5)
        corners = augmentation.jitter_corners(rng, corners, jitter / 2)
        return augmentation.crop_input(self._degrade(pixels), corners), NO_TEXT

    def _augment_real(self, plate: RealPlate, jitter: float) -> tuple[np.ndarray, Label]:
        """Crops a real plate along jittered corners, mostly shrunk and sometimes degraded."""
        rng, pixels, corners = self._rng, plate.pixels, plate.corners
        wide = float(np.linalg.norm(corners[1] - corners[0]))
        if rng.random() < 0.7:
            target = np.exp(rng.uniform(np.log(SMALLEST_REAL), np.log(max(wide, 40))))
            scale = min(1.0, float(target) / wide)
            pixels, corners = augmentation.shrink(pixels, corners, scale, scale)
        if plate.label.text and rng.random() < CUT_SHARE:
            pixels, corners = augmentation.cut_at_edge(rng, pixels, corners)
        if rng.random() < 0.5:
            pixels = self._degrade(pixels)
        else:
            pixels = augmentation.compress(pixels, int(rng.integers(85, 96)))
        corners = augmentation.jitter_corners(rng, corners, jitter)
        return augmentation.crop_input(pixels, corners), plate.label

    def _degrade(self, pixels: np.ndarray) -> np.ndarray:
        return augmentation.degrade(self._rng, pixels, blur=self._blur)

    def _pick(self, plates: Sequence[RealPlate]) -> RealPlate:
        return plates[self._rng.integers(len(plates))]

    def _background_patch(self) -> np.ndarray:
        """Crops a piece of a photograph without plates; plain gray by chance or for want of one."""
        rng = self._rng
        if not self._backgrounds or rng.random() < 0.3:
            return np.full((2, 2), rng.uniform(0, 255), np.uint8)
        picture = self._backgrounds[rng.integers(len(self._backgrounds))]
        height = int(rng.integers(12, min(120, picture.shape[0] - 1)))
        width = min(picture.shape[1] - 1, int(height * rng.uniform(1.5, 4.5)))
        top = int(rng.integers(picture.shape[0] - height))
        left = int(rng.integers(picture.shape[1] - width))
        return picture[top : top + height, left : left + width]


def encode(labels: Sequence[Label]) -> tuple[np.ndarray, ...]:
    """Encodes labels as the arrays of Batch after its pixels, in order."""
    count = len(labels)
    symbols = np.full((count, SLOTS), BLANK, np.int32)
    lower = np.zeros((2, count, SLOTS), np.float32)  # targets and weights, as in `rows`
    rows = np.zeros((2, count, 1), np.float32)
    for i, label in enumerate(labels):
        symbols[i, : len(label.text)] = [SYMBOLS.index(c) for c in label.text]
        rows[:, i, 0] = label.rows == 2, bool(label.text)
        if label.upper is not None:
            lower[0, i, label.upper : len(label.text)] = 1
            lower[1, i, : len(label.text)] = 1
    return symbols, lower[0], lower[1], rows[0], rows[1]


def parse_mixture(values: Mapping[str, object]) -> Mixture:
    """Parses one phase of config.yaml."""
    low, high = values["jitter"]
    shares = {name: float(values[name]) for name in Mixture.__slots__ if name != "jitter"}
    return Mixture(**shares, jitter=(float(low), float(high)))
