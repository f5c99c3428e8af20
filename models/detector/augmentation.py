"""Composes the views that the detector learns from: copy-paste, inpainting, recolouring, crops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from models.detector.copy_paste import DonorPlates, recolour_yellow
from models.detector.crops import (
    MAX_WIDTH,
    MIN_WIDTH,
    Cropper,
    View,
    covering_quad,
    log_uniform,
    paint_bodywork,
    sample_light,
    scaled_quad,
)
from models.detector.dataset import HONG_KONG, OTHER, UNCERTAIN, LabelledPhoto, LabelledPlate
from models.detector.edges import clip_plates, set_on_gray
from models.detector.hard_negatives import HardNegative
from models.detector.targets import plate_size
from models.synthesis.camera_noise import degrade
from models.synthesis.distractors import draw_foreign_plate, draw_mainland, draw_sign
from models.synthesis.fonts import FontLibrary
from models.synthesis.marks import Rows
from models.synthesis.perspective import (
    inpaint_plate,
    paste,
    paste_plate,
    perspective_quad,
    quad_below,
)
from models.synthesis.plates import Plate, draw_plate
from models.synthesis.signs import draw_street_sign

# Chance that a photographed white plate becomes yellow.
RECOLOUR_CHANCE = {HONG_KONG: 0.25, OTHER: 0.1}
# Of drawn and moved Hong Kong plates: rears are rarer in the photographs than fronts.
YELLOW_SHARE = 0.4
YELLOW_WEIGHT = 1.7  # chance of a photograph that shows one, over that of another
STREET_SIGN_SHARE = 0.6  # of boards: kinds of lettering that streets show, not any words
ONE_ROW_ON_SQUARE = 0.15  # of plates of a two-row plate's shape: personalised marks, mostly

# Chance that a replaced plate becomes a Hong Kong one, by what it was and whether the photograph is
# from there: the plate below a Hong Kong one mostly stays another place's.
_HONG_KONG_CHANCE = {
    (HONG_KONG, True): 0.75,
    (OTHER, True): 0.12,
    (OTHER, False): 0.65,
    (UNCERTAIN, True): 0.5,
    (UNCERTAIN, False): 0.5,
}

PlateSource = Callable[[np.random.Generator, int, float], Plate]
"""A plate of a label and about this width / height."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Chances of each kind of view; they need not add up to one.

    `on_gray` is the share of views, of any kind, that end near a plate.
    """

    hong_kong: float = 0.38
    foreign: float = 0.16
    swapped: float = 0.16
    moved: float = 0.16
    pasted: float = 0.10
    emptied: float = 0.05
    negative: float = 0.06
    hard: float = 0.08
    on_gray: float = 0.12


class ViewMaker:
    """Makes views from a data set; the same seed and photographs give the same views."""

    def __init__(
        self,
        photos: Sequence[LabelledPhoto],
        font_folders: Sequence[Path] = (),
        size: int = 224,
        mixture: Mixture | None = None,
    ) -> None:
        self.size = size
        self._fonts = FontLibrary(font_folders)
        self._mixture = mixture or Mixture()
        self._by_name = {photo.file: photo for photo in photos}
        self._local_photos = [photo for photo in photos if photo.shows_hong_kong_plate]
        self._foreign_photos = [p for p in photos if p.plates and not p.shows_hong_kong_plate]
        self._backgrounds = [photo for photo in photos if not photo.plates]
        self._cropper = Cropper(size, self._backgrounds)
        self._donors = DonorPlates(photos)
        self._local_weights = _sampling_weights(self._local_photos)
        self.hard_negatives: list[HardNegative] = []

    def make(self, rng: np.random.Generator) -> View:
        """Makes one view of a kind by chance, with camera noise, some of them set on gray."""
        chances = self._chances()
        kind = rng.choice(len(chances), p=np.array(list(chances.values())) / sum(chances.values()))
        view = getattr(self, f"_{tuple(chances)[kind]}")(rng)
        view = clip_plates(replace(view, pixels=degrade(view.pixels, rng, 0.8)))
        return set_on_gray(rng, view) if rng.random() < self._mixture.on_gray else view

    def _chances(self) -> dict[str, float]:
        """Returns the mixture, less what this data set has no photographs for."""
        mixture = self._mixture
        local, foreign = bool(self._local_photos), bool(self._foreign_photos)
        cars = local or foreign
        return {
            "hong_kong": mixture.hong_kong * local,
            "foreign": mixture.foreign * foreign,
            "swapped": mixture.swapped * cars,
            "moved": mixture.moved * cars,
            "pasted": mixture.pasted * bool(self._backgrounds),
            "emptied": mixture.emptied * cars,
            "negative": mixture.negative * bool(self._backgrounds),
            "hard": mixture.hard * bool(self.hard_negatives),
        }

    def _hong_kong(self, rng: np.random.Generator) -> View:
        """Crops around a Hong Kong plate, and recolours some."""
        photo = self._local_photos[rng.choice(len(self._local_photos), p=self._local_weights)]
        plates = [plate for plate in photo.plates if plate.label == HONG_KONG]
        view = self._cropper.crop_around(rng, photo, plates[rng.integers(len(plates))])
        return _recolour_some(rng, view)

    def _foreign(self, rng: np.random.Generator) -> View:
        """Crops around a plate of a photograph without Hong Kong plates, and recolours some."""
        photo = self._foreign_photos[rng.integers(len(self._foreign_photos))]
        plate = photo.plates[rng.integers(len(photo.plates))]
        return _recolour_some(rng, self._cropper.crop_around(rng, photo, plate))

    def _car(self, rng: np.random.Generator) -> View:
        use_local = self._local_photos and (not self._foreign_photos or rng.random() < 0.6)
        return self._hong_kong(rng) if use_local else self._foreign(rng)

    def _swapped(self, rng: np.random.Generator) -> View:
        """Replaces a car's plates by drawn ones: the plate must tell, not the car."""
        return self._replace_plates(rng, self._drawn_plate)

    def _moved(self, rng: np.random.Generator) -> View:
        """Replaces a car's plates by other cars' ones."""
        return self._replace_plates(rng, self._donor_plate)

    def _replace_plates(self, rng: np.random.Generator, plate_for: PlateSource) -> View:
        view = self._car(rng)
        plates = []
        for plate in view.plates:
            width, height = plate_size(plate.quad)
            if width < 14 or height < 4:
                plates.append(plate)
                continue
            chance = _HONG_KONG_CHANCE[plate.label, view.in_hong_kong]
            label = HONG_KONG if rng.random() < chance else OTHER
            new = plate_for(rng, label, width / height)
            exact = plate.exact
            quad = scaled_quad(plate.quad, 1.03) if exact else covering_quad(rng, new, plate.quad)
            paste_plate(view.pixels, new, quad, sample_light(rng, view.pixels, quad))
            plates.append(LabelledPlate(quad, label, True))
        return replace(view, plates=tuple(plates))

    def _emptied(self, rng: np.random.Generator) -> View:
        """Inpaints a car's plates, so that none is left."""
        view = self._car(rng)
        for plate in view.plates:
            inpaint_plate(view.pixels, plate.quad)
        return replace(view, plates=())

    def _pasted(self, rng: np.random.Generator) -> View:
        """Pastes one to three drawn plates into a place without plates."""
        view = self._background(rng)
        plates: list[LabelledPlate] = []
        for _ in range(rng.integers(1, 4)):
            plates += self._paste_plate(rng, view.pixels, plates)
        return replace(view, plates=tuple(plates))

    def _negative(self, rng: np.random.Generator) -> View:
        """Crops a place without plates, and often pastes lettered boards into it."""
        view = self._background(rng)
        for _ in range(rng.integers(0, 4)):
            sign = self._sign(rng)
            height, width = sign.shape[:2]
            wide = log_uniform(rng, 30, 190)
            size = (wide, wide * height / width)
            quad = perspective_quad(rng, tuple(rng.uniform(0, self.size, 2)), size)
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            paste(view.pixels, sign, corners, quad, rng.uniform(0.5, 1.0))
        return view

    def _sign(self, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < STREET_SIGN_SHARE:
            return draw_street_sign(rng, self._fonts)
        return draw_sign(rng, self._fonts, yellow=rng.random() < 0.3)

    def _hard(self, rng: np.random.Generator) -> View:
        """Crops around a hard negative of this detector."""
        negative = self.hard_negatives[rng.integers(len(self.hard_negatives))]
        photo = self._by_name[negative.file]
        wide = np.clip(negative.width * rng.uniform(0.25, 1.2), MIN_WIDTH, MAX_WIDTH)
        return self._cropper.crop(rng, photo, (negative.x, negative.y), wide / negative.width)

    def _background(self, rng: np.random.Generator) -> View:
        photo = self._backgrounds[rng.integers(len(self._backgrounds))]
        height, width = photo.pixels.shape[:2]
        scale = log_uniform(rng, max(0.3, self.size / max(height, width)), 1.3)
        focus = tuple(rng.uniform(0.1, 0.9, 2) * (width, height))
        view = self._cropper.crop(rng, photo, focus, scale)
        if rng.random() < 0.5:
            view = View(np.ascontiguousarray(view.pixels[:, ::-1]), ())
        return view

    def _paste_plate(
        self, rng: np.random.Generator, pixels: np.ndarray, others: Sequence[LabelledPlate]
    ) -> list[LabelledPlate]:
        """Pastes a drawn plate where it covers no other; below some Hong Kong ones a mainland one.

        Returns those that were pasted; none where there was no room.
        """
        label = HONG_KONG if rng.random() < 0.65 else OTHER
        drawn = self._drawn_plate(rng, label, 4.5 if rng.random() < 0.55 else 1.8)
        width, height = plate_size(drawn.corners)
        wide = log_uniform(rng, MIN_WIDTH, MAX_WIDTH * 0.8)
        size = (wide, wide * height / width)
        quad = perspective_quad(rng, tuple(rng.uniform(0.1, 0.9, 2) * self.size), size)
        if any(np.abs(quad.mean(0) - o.quad.mean(0)).max() < wide for o in others):
            return []
        if rng.random() < 0.5:
            paint_bodywork(rng, pixels, quad)
        light = sample_light(rng, pixels, quad)
        paste_plate(pixels, drawn, quad, light)
        placed = [LabelledPlate(quad, label, True)]
        if label == HONG_KONG and rng.random() < 0.3:
            share = height / width * rng.uniform(2.9, 3.6)
            low = quad_below(quad, rng.uniform(0, 0.15), rng.uniform(0.9, 1.1) / share, 1.0)
            paste_plate(pixels, draw_mainland(rng, self._fonts), low, light)
            placed.append(LabelledPlate(low, OTHER, True))
        return placed

    def _drawn_plate(self, rng: np.random.Generator, label: int, aspect: float) -> Plate:
        if label == OTHER:
            return draw_foreign_plate(rng, self._fonts)
        colour: Literal["white", "yellow"] = "yellow" if rng.random() < YELLOW_SHARE else "white"
        square = aspect < 2.6
        rows: Rows = 2 if square and rng.random() >= ONE_ROW_ON_SQUARE else 1
        return draw_plate(rng, self._fonts, rows=rows, colour=colour, square=square)

    def _donor_plate(self, rng: np.random.Generator, label: int, aspect: float) -> Plate:
        """Picks a photographed plate of such proportions, or draws one where there is none."""
        yellow = YELLOW_SHARE if label == HONG_KONG else RECOLOUR_CHANCE[OTHER]
        donor = self._donors.pick(rng, label, aspect, yellow)
        return donor or self._drawn_plate(rng, label, aspect)


def _recolour_some(rng: np.random.Generator, view: View) -> View:
    """Recolours some of the view's white plates yellow, in its own pixels."""
    for plate in view.plates:
        chance = RECOLOUR_CHANCE.get(plate.label, 0.0)
        if plate.colour == "white" and rng.random() < chance:
            recolour_yellow(rng, view.pixels, plate.quad)
    return view


def _shows_yellow(photo: LabelledPhoto) -> bool:
    return any(p.label == HONG_KONG and p.colour == "yellow" for p in photo.plates)


def _sampling_weights(photos: Sequence[LabelledPhoto]) -> np.ndarray:
    """Returns chances that keep one camera's long series, and drawn scenes, from drowning others.

    Photographs of yellow plates, which are few, come oftener.
    They add up to one where there is any photograph.
    """
    frequent = ("hkb_", "drawn-")
    weights = np.array([1.0 if p.file.startswith(frequent) else 4.0 for p in photos])
    weights *= [YELLOW_WEIGHT if _shows_yellow(photo) else 1.0 for photo in photos]
    return weights / max(weights.sum(), 1.0)
