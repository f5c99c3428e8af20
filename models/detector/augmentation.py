"""Cut and compose the square views that the detector learns from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from models.detector.copy_paste import DonorPlates, recolour_yellow
from models.detector.crops import (
    covering_quad,
    paint_bodywork,
    resample_window,
    rotate,
    sample_light,
    scaled_quad,
)
from models.detector.dataset import HONG_KONG, OTHER, UNCERTAIN, LabelledPhoto, LabelledPlate
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

PADDING = 114  # the grey around a photograph that is not as wide as the input, as at run time
MIN_WIDTH, MAX_WIDTH = 18.0, 200.0  # pixels; widths of plates in a view
RECOLOUR_CHANCE = {
    HONG_KONG: 0.25,
    OTHER: 0.1,
}  # chance that a photographed white plate becomes yellow
YELLOW_SHARE = (
    0.4  # of drawn and moved Hong Kong plates: rears are rarer in the photographs than fronts
)
ONE_ROW_ON_SQUARE = 0.15  # of plates of a two-row plate's shape: personalised marks, mostly


@dataclass(frozen=True, slots=True)
class View:
    """A square picture, RGB uint8, and the plates on it in its pixels."""

    pixels: np.ndarray
    plates: tuple[LabelledPlate, ...]
    in_hong_kong: bool = False


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
class HardNegative:
    """Where a detector saw a plate that is none: a point of a picture, and a size in its pixels."""

    file: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Mixture:
    """Chances of each kind of view; they need not add up to one."""

    hong_kong: float = 0.38
    foreign: float = 0.16
    swapped: float = 0.16
    moved: float = 0.16
    pasted: float = 0.10
    emptied: float = 0.05
    negative: float = 0.06
    hard: float = 0.08


class ViewMaker:
    """Makes views from an album; the same seed and album give the same views."""

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
        self._by_name = {picture.file: picture for picture in photos}
        self._local_photos = [picture for picture in photos if picture.shows_hong_kong_plate]
        self._foreign_photos = [p for p in photos if p.plates and not p.shows_hong_kong_plate]
        self._backgrounds = [picture for picture in photos if not picture.plates]
        self._donors = DonorPlates(photos)
        self._local_weights = _sampling_weights(self._local_photos)
        self.hard_negatives: list[HardNegative] = []

    def make(self, rng: np.random.Generator) -> View:
        """One view of a kind by chance."""
        chances = self._chances()
        kind = rng.choice(len(chances), p=np.array(list(chances.values())) / sum(chances.values()))
        view = getattr(self, f"_{tuple(chances)[kind]}")(rng)
        return replace(view, pixels=degrade(view.pixels, rng, 0.8))

    def _chances(self) -> dict[str, float]:
        """The mixture, less what this album has no pictures for."""
        mixture = self._mixture
        has = {
            "home": bool(self._local_photos),
            "cars": bool(self._local_photos or self._foreign_photos),
        }
        return {
            "hong_kong": mixture.hong_kong * has["home"],
            "foreign": mixture.foreign * bool(self._foreign_photos),
            "swapped": mixture.swapped * has["cars"],
            "moved": mixture.moved * has["cars"],
            "pasted": mixture.pasted * bool(self._backgrounds),
            "emptied": mixture.emptied * has["cars"],
            "negative": mixture.negative * bool(self._backgrounds),
            "hard": mixture.hard * bool(self.hard_negatives),
        }

    def _hong_kong(self, rng: np.random.Generator) -> View:
        picture = self._local_photos[rng.choice(len(self._local_photos), p=self._local_weights)]
        plates = [plate for plate in picture.plates if plate.label == HONG_KONG]
        view = self._crop_around(rng, picture, plates[rng.integers(len(plates))])
        return _recolour_some(rng, view)

    def _foreign(self, rng: np.random.Generator) -> View:
        picture = self._foreign_photos[rng.integers(len(self._foreign_photos))]
        view = self._crop_around(rng, picture, picture.plates[rng.integers(len(picture.plates))])
        return _recolour_some(rng, view)

    def _car(self, rng: np.random.Generator) -> View:
        use_home = self._local_photos and (not self._foreign_photos or rng.random() < 0.6)
        return self._hong_kong(rng) if use_home else self._foreign(rng)

    def _swapped(self, rng: np.random.Generator) -> View:
        """A car whose plates were replaced by drawn ones: the plate must tell, not the car."""
        return self._replace_plates(rng, self._drawn_plate)

    def _moved(self, rng: np.random.Generator) -> View:
        """A car whose plates were replaced by other cars' ones."""
        return self._replace_plates(rng, self._donor_plate)

    def _replace_plates(self, rng: np.random.Generator, plate_for: PlateSource) -> View:
        view = self._car(rng)
        plates = []
        for plate in view.plates:
            width, height = plate_size(plate.quad)
            if width < 14 or height < 4:
                plates.append(plate)
                continue
            label = (
                HONG_KONG
                if rng.random() < _HONG_KONG_CHANCE[plate.label, view.in_hong_kong]
                else OTHER
            )
            new = plate_for(rng, label, width / height)
            quad = (
                scaled_quad(plate.quad, 1.03)
                if plate.exact
                else covering_quad(rng, new, plate.quad)
            )
            paste_plate(view.pixels, new, quad, sample_light(rng, view.pixels, quad))
            plates.append(LabelledPlate(quad, label, True))
        return replace(view, plates=tuple(plates))

    def _emptied(self, rng: np.random.Generator) -> View:
        """A car whose plates were painted over."""
        view = self._car(rng)
        for plate in view.plates:
            inpaint_plate(view.pixels, plate.quad)
        return replace(view, plates=())

    def _pasted(self, rng: np.random.Generator) -> View:
        """Some place without plates, with one to three drawn into it."""
        view = self._background(rng)
        plates: list[LabelledPlate] = []
        for _ in range(rng.integers(1, 4)):
            plates += self._paste_plate(rng, view.pixels, plates)
        return replace(view, plates=tuple(plates))

    def _negative(self, rng: np.random.Generator) -> View:
        """Some place without plates, often with lettered boards."""
        view = self._background(rng)
        for _ in range(rng.integers(0, 4)):
            sign = draw_sign(rng, self._fonts, yellow=rng.random() < 0.15)
            height, width = sign.shape[:2]
            wide = _log_uniform(rng, 30, 190)
            size = (wide, wide * height / width)
            quad = perspective_quad(rng, tuple(rng.uniform(0, self.size, 2)), size)
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            paste(view.pixels, sign, corners, quad, rng.uniform(0.5, 1.0))
        return view

    def _hard(self, rng: np.random.Generator) -> View:
        """Around something that this detector took for a plate."""
        spot = self.hard_negatives[rng.integers(len(self.hard_negatives))]
        picture = self._by_name[spot.file]
        wide = np.clip(spot.width * rng.uniform(0.25, 1.2), MIN_WIDTH, MAX_WIDTH)
        return self._crop(rng, picture, (spot.x, spot.y), wide / spot.width)

    def _background(self, rng: np.random.Generator) -> View:
        picture = self._backgrounds[rng.integers(len(self._backgrounds))]
        height, width = picture.pixels.shape[:2]
        scale = _log_uniform(rng, max(0.3, self.size / max(height, width)), 1.3)
        view = self._crop(rng, picture, tuple(rng.uniform(0.1, 0.9, 2) * (width, height)), scale)
        if rng.random() < 0.5:
            view = View(np.ascontiguousarray(view.pixels[:, ::-1]), ())
        return view

    def _paste_plate(
        self, rng: np.random.Generator, pixels: np.ndarray, others: Sequence[LabelledPlate]
    ) -> list[LabelledPlate]:
        """Draw a plate where it covers no other; some Hong Kong ones get a mainland one below."""
        label = HONG_KONG if rng.random() < 0.65 else OTHER
        drawn = self._drawn_plate(rng, label, 4.5 if rng.random() < 0.55 else 1.8)
        width, height = plate_size(drawn.corners)
        wide = _log_uniform(rng, MIN_WIDTH, MAX_WIDTH * 0.8)
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
        """As `_draw`, of photographed plates while any has such proportions."""
        yellow = YELLOW_SHARE if label == HONG_KONG else RECOLOUR_CHANCE[OTHER]
        return self._donors.pick(rng, label, aspect, yellow) or self._drawn_plate(
            rng, label, aspect
        )

    def _crop_around(
        self, rng: np.random.Generator, picture: LabelledPhoto, plate: LabelledPlate
    ) -> View:
        width, _ = plate_size(plate.quad)
        wide = _log_uniform(rng, MIN_WIDTH, min(MAX_WIDTH, max(width * 1.7, MIN_WIDTH + 1)))
        return self._crop(rng, picture, tuple(plate.quad.mean(0)), wide / max(width, 1.0))

    def _crop(
        self,
        rng: np.random.Generator,
        picture: LabelledPhoto,
        focus: tuple[float, float],
        scale: float,
    ) -> View:
        """A view at `scale` with `focus` somewhere inside it, turned a little on occasion."""
        scales = scale * rng.uniform(0.93, 1.07, 2)
        side = self.size / scales
        origin = np.array(focus) - side * rng.uniform(0.12, 0.88, 2)
        if rng.random() < 0.85:  # rather all photograph than half of it padding
            room = np.array(picture.pixels.shape[1::-1]) - side
            origin = np.where(room > 0, np.clip(origin, 0, np.maximum(room, 0)), origin)
        canvas = self._canvas(rng)
        pixels = resample_window(canvas, picture.pixels, origin, side)
        quads = [(plate.quad - origin) * scales for plate in picture.plates]
        if rng.random() < 0.5:
            pixels, quads = rotate(pixels, quads, rng.normal(0, 4))
        placed = zip(picture.plates, quads, strict=True)
        plates = tuple(replace(plate, quad=quad.astype(np.float32)) for plate, quad in placed)
        plates = tuple(plate for plate in plates if _is_inside(plate.quad, self.size))
        return View(pixels, plates, picture.shows_hong_kong_plate)

    def _canvas(self, rng: np.random.Generator) -> np.ndarray:
        """What is beside a photograph that does not fill the view: padding, or another place."""
        canvas = np.full((self.size, self.size, 3), PADDING, np.uint8)
        if not self._backgrounds or rng.random() < 0.4:
            return canvas
        picture = self._backgrounds[rng.integers(len(self._backgrounds))].pixels
        room = np.maximum(np.array(picture.shape[:2]) - self.size, 1)
        top, left = rng.integers(0, room)
        part = picture[top : top + self.size, left : left + self.size]
        canvas[: part.shape[0], : part.shape[1]] = part
        return canvas


def _recolour_some(rng: np.random.Generator, view: View) -> View:
    """The view, some of its white plates made yellow."""
    for plate in view.plates:
        chance = RECOLOUR_CHANCE.get(plate.label, 0.0)
        if plate.colour == "white" and rng.random() < chance:
            recolour_yellow(rng, view.pixels, plate.quad)
    return view


def _sampling_weights(pictures: Sequence[LabelledPhoto]) -> np.ndarray:
    """Chances that keep one camera's long series, and drawn scenes, from drowning the rest."""
    often = ("hkb_", "drawn-")
    weights = np.array([1.0 if p.file.startswith(often) else 4.0 for p in pictures])
    return weights / max(weights.sum(), 1.0)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))


def _is_inside(quad: np.ndarray, size: int) -> bool:
    return bool((quad.mean(0) > -size * 0.2).all() and (quad.mean(0) < size * 1.2).all())
