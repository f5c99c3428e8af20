"""Cut and compose the square views that the detector learns from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from models.detector.album import HONG_KONG, OTHER, UNCERTAIN, LabelledPlate, Picture
from models.detector.targets import plate_size
from models.synthesis.degrade import degrade
from models.synthesis.faces import Faces
from models.synthesis.neighbours import draw_mainland, draw_neighbour, draw_sign
from models.synthesis.paste import below, paint_over, paste, paste_plate, perspective_quad
from models.synthesis.plates import Plate, draw_plate

PADDING = 114  # the grey around a photograph that is not as wide as the input, as at run time
NARROWEST, WIDEST = 18.0, 200.0  # pixels; widths of plates in a view


@dataclass(frozen=True, slots=True)
class View:
    """A square picture, RGB uint8, and the plates on it in its pixels."""

    pixels: np.ndarray
    plates: tuple[LabelledPlate, ...]
    at_home: bool = False


# Chance that a replaced plate becomes a Hong Kong one, by what it was and whether the photograph is
# from there: the plate below a Hong Kong one mostly stays another place's.
_KEEPS = {
    (HONG_KONG, True): 0.75,
    (OTHER, True): 0.12,
    (OTHER, False): 0.65,
    (UNCERTAIN, True): 0.5,
    (UNCERTAIN, False): 0.5,
}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a detector saw a plate that is none: a point of a picture, and a size in its pixels."""

    file: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Mixture:
    """Chances of each kind of view; they need not add up to one."""

    hong_kong: float = 0.40
    foreign: float = 0.16
    swapped: float = 0.20
    pasted: float = 0.12
    emptied: float = 0.05
    negative: float = 0.05
    hard: float = 0.08


class ViewMaker:
    """Makes views from an album; the same seed and album give the same views."""

    def __init__(
        self,
        album: Sequence[Picture],
        font_folders: Sequence[Path] = (),
        size: int = 224,
        mixture: Mixture | None = None,
    ) -> None:
        self.size = size
        self._faces = Faces(font_folders)
        self._mixture = mixture or Mixture()
        self._by_name = {picture.file: picture for picture in album}
        self._home = [picture for picture in album if picture.hong_kong]
        self._abroad = [p for p in album if p.plates and not p.hong_kong]
        self._empty = [picture for picture in album if not picture.plates]
        self._home_chances = _favour_varied(self._home)
        self.spots: list[Spot] = []

    def make(self, rng: np.random.Generator) -> View:
        """One view of a kind by chance."""
        chances = self._chances()
        kind = rng.choice(len(chances), p=np.array(list(chances.values())) / sum(chances.values()))
        view = getattr(self, f"_{tuple(chances)[kind]}")(rng)
        return replace(view, pixels=degrade(view.pixels, rng, 0.8))

    def _chances(self) -> dict[str, float]:
        """The mixture, less what this album has no pictures for."""
        mixture = self._mixture
        has = {"home": bool(self._home), "cars": bool(self._home or self._abroad)}
        return {
            "hong_kong": mixture.hong_kong * has["home"],
            "foreign": mixture.foreign * bool(self._abroad),
            "swapped": mixture.swapped * has["cars"],
            "pasted": mixture.pasted * bool(self._empty),
            "emptied": mixture.emptied * has["cars"],
            "negative": mixture.negative * bool(self._empty),
            "hard": mixture.hard * bool(self.spots),
        }

    def _hong_kong(self, rng: np.random.Generator) -> View:
        picture = self._home[rng.choice(len(self._home), p=self._home_chances)]
        plates = [plate for plate in picture.plates if plate.label == HONG_KONG]
        return self._around(rng, picture, plates[rng.integers(len(plates))])

    def _foreign(self, rng: np.random.Generator) -> View:
        picture = self._abroad[rng.integers(len(self._abroad))]
        return self._around(rng, picture, picture.plates[rng.integers(len(picture.plates))])

    def _car(self, rng: np.random.Generator) -> View:
        use_home = self._home and (not self._abroad or rng.random() < 0.6)
        return self._hong_kong(rng) if use_home else self._foreign(rng)

    def _swapped(self, rng: np.random.Generator) -> View:
        """A car whose plates were replaced by drawn ones: the plate must tell, not the car."""
        view = self._car(rng)
        plates = []
        for plate in view.plates:
            width, height = plate_size(plate.quad)
            if width < 14 or height < 4:
                plates.append(plate)
                continue
            label = HONG_KONG if rng.random() < _KEEPS[plate.label, view.at_home] else OTHER
            drawn = self._draw(rng, label, width / height)
            quad = _grown(plate.quad, 1.03) if plate.exact else _settled(rng, drawn, plate.quad)
            paste_plate(view.pixels, drawn, quad, _light(rng, view.pixels, quad))
            plates.append(LabelledPlate(quad, label, True))
        return replace(view, plates=tuple(plates))

    def _emptied(self, rng: np.random.Generator) -> View:
        """A car whose plates were painted over."""
        view = self._car(rng)
        for plate in view.plates:
            paint_over(view.pixels, plate.quad)
        return replace(view, plates=())

    def _pasted(self, rng: np.random.Generator) -> View:
        """Some place without plates, with one to three drawn into it."""
        view = self._background(rng)
        plates: list[LabelledPlate] = []
        for _ in range(rng.integers(1, 4)):
            plates += self._place(rng, view.pixels, plates)
        return replace(view, plates=tuple(plates))

    def _negative(self, rng: np.random.Generator) -> View:
        """Some place without plates, often with lettered boards."""
        view = self._background(rng)
        for _ in range(rng.integers(0, 4)):
            sign = draw_sign(rng, self._faces)
            height, width = sign.shape[:2]
            wide = _log_uniform(rng, 30, 190)
            size = (wide, wide * height / width)
            quad = perspective_quad(rng, tuple(rng.uniform(0, self.size, 2)), size)
            corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
            paste(view.pixels, sign, corners, quad, rng.uniform(0.5, 1.0))
        return view

    def _hard(self, rng: np.random.Generator) -> View:
        """Around something that this detector took for a plate."""
        spot = self.spots[rng.integers(len(self.spots))]
        picture = self._by_name[spot.file]
        wide = np.clip(spot.width * rng.uniform(0.25, 1.2), NARROWEST, WIDEST)
        return self._cut(rng, picture, (spot.x, spot.y), wide / spot.width)

    def _background(self, rng: np.random.Generator) -> View:
        picture = self._empty[rng.integers(len(self._empty))]
        height, width = picture.pixels.shape[:2]
        scale = _log_uniform(rng, max(0.3, self.size / max(height, width)), 1.3)
        view = self._cut(rng, picture, tuple(rng.uniform(0.1, 0.9, 2) * (width, height)), scale)
        if rng.random() < 0.5:
            view = View(np.ascontiguousarray(view.pixels[:, ::-1]), ())
        return view

    def _place(
        self, rng: np.random.Generator, pixels: np.ndarray, others: Sequence[LabelledPlate]
    ) -> list[LabelledPlate]:
        """Draw a plate where it covers no other; some Hong Kong ones get a mainland one below."""
        label = HONG_KONG if rng.random() < 0.65 else OTHER
        drawn = self._draw(rng, label, 4.5 if rng.random() < 0.55 else 1.8)
        width, height = plate_size(drawn.corners)
        wide = _log_uniform(rng, NARROWEST, WIDEST * 0.8)
        size = (wide, wide * height / width)
        quad = perspective_quad(rng, tuple(rng.uniform(0.1, 0.9, 2) * self.size), size)
        if any(np.abs(quad.mean(0) - o.quad.mean(0)).max() < wide for o in others):
            return []
        if rng.random() < 0.5:
            _body(rng, pixels, quad)
        light = _light(rng, pixels, quad)
        paste_plate(pixels, drawn, quad, light)
        placed = [LabelledPlate(quad, label, True)]
        if label == HONG_KONG and rng.random() < 0.3:
            share = height / width * rng.uniform(2.9, 3.6)
            low = below(quad, rng.uniform(0, 0.15), rng.uniform(0.9, 1.1) / share, 1.0)
            paste_plate(pixels, draw_mainland(rng, self._faces), low, light)
            placed.append(LabelledPlate(low, OTHER, True))
        return placed

    def _draw(self, rng: np.random.Generator, label: int, aspect: float) -> Plate:
        if label == HONG_KONG:
            return draw_plate(rng, self._faces, rows=2 if aspect < 2.6 else 1)
        return draw_neighbour(rng, self._faces)

    def _around(self, rng: np.random.Generator, picture: Picture, plate: LabelledPlate) -> View:
        width, _ = plate_size(plate.quad)
        wide = _log_uniform(rng, NARROWEST, min(WIDEST, max(width * 1.7, NARROWEST + 1)))
        return self._cut(rng, picture, tuple(plate.quad.mean(0)), wide / max(width, 1.0))

    def _cut(
        self,
        rng: np.random.Generator,
        picture: Picture,
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
        pixels = _window(canvas, picture.pixels, origin, side)
        quads = [(plate.quad - origin) * scales for plate in picture.plates]
        if rng.random() < 0.5:
            pixels, quads = _turned(pixels, quads, rng.normal(0, 4))
        placed = zip(picture.plates, quads, strict=True)
        plates = tuple(replace(plate, quad=quad.astype(np.float32)) for plate, quad in placed)
        plates = tuple(plate for plate in plates if _inside(plate.quad, self.size))
        return View(pixels, plates, picture.hong_kong)

    def _canvas(self, rng: np.random.Generator) -> np.ndarray:
        """What is beside a photograph that does not fill the view: padding, or another place."""
        canvas = np.full((self.size, self.size, 3), PADDING, np.uint8)
        if not self._empty or rng.random() < 0.4:
            return canvas
        picture = self._empty[rng.integers(len(self._empty))].pixels
        room = np.maximum(np.array(picture.shape[:2]) - self.size, 1)
        top, left = rng.integers(0, room)
        part = picture[top : top + self.size, left : left + self.size]
        canvas[: part.shape[0], : part.shape[1]] = part
        return canvas


def _favour_varied(pictures: Sequence[Picture]) -> np.ndarray:
    """Chances that keep one camera's long series, and drawn scenes, from drowning the rest."""
    often = ("hkb_", "drawn-")
    weights = np.array([1.0 if p.file.startswith(often) else 4.0 for p in pictures])
    return weights / max(weights.sum(), 1.0)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))


def _inside(quad: np.ndarray, size: int) -> bool:
    return bool((quad.mean(0) > -size * 0.2).all() and (quad.mean(0) < size * 1.2).all())


def _grown(quad: np.ndarray, factor: float) -> np.ndarray:
    middle = quad.mean(0)
    return ((quad - middle) * factor + middle).astype(np.float32)


def _settled(rng: np.random.Generator, drawn: Plate, box: np.ndarray) -> np.ndarray:
    """A quad for the drawn plate that covers an upright box, in the plate's own proportions."""
    width, height = plate_size(box)
    own_width, own_height = plate_size(drawn.corners)
    wide = max(width, height * own_width / own_height) * 1.05
    size = (wide, wide * own_height / own_width)
    return perspective_quad(rng, tuple(box.mean(0)), size)


def _light(rng: np.random.Generator, pixels: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """How bright and of what tint a plate would be there: by chance, and by its surroundings."""
    left, top = np.maximum(quad.min(0).astype(int) - 10, 0)
    right, bottom = quad.max(0).astype(int) + 10
    around = pixels[top:bottom, left:right]
    mean = around.reshape(-1, 3).mean(0) if around.size else np.full(3, 128.0)
    tint = mean / max(mean.mean(), 1.0)
    level = np.clip(mean.mean() / 128, 0.35, 1.25) ** rng.uniform(0.0, 0.7)
    return level * rng.uniform(0.75, 1.1) * (1 + (tint - 1) * rng.uniform(0, 0.4))


def _body(rng: np.random.Generator, pixels: np.ndarray, quad: np.ndarray) -> None:
    """A piece of coloured bodywork behind a plate, so that plates are not known by their edge."""
    grown = (quad - quad.mean(0)) * rng.uniform(1.15, 2.0, 2) + quad.mean(0)
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.6 else np.full(3, rng.uniform(180, 255))
    cv2.fillConvexPoly(pixels, grown.round().astype(int), colour.tolist(), cv2.LINE_AA)


def _window(
    canvas: np.ndarray, photo: np.ndarray, origin: np.ndarray, side: np.ndarray
) -> np.ndarray:
    """Lay the part of a photograph from `origin`, `side` wide and high, over the whole canvas.

    The part is resampled from exactly `origin`: whole pixels would shift the corners by up to half
    a pixel of the photograph, and corners are to be learned finer than that.
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
    move = (low - origin) * factor + 0.5 * stretch - 0.5
    matrix = np.array([[stretch[0], 0, move[0]], [0, stretch[1], move[1]]])
    return cv2.warpAffine(part, matrix, (size, size), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)


def _turned(
    pixels: np.ndarray, quads: Sequence[np.ndarray], degrees: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Turned about the middle."""
    size = pixels.shape[0]
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    turned = cv2.warpAffine(pixels, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return turned, [(quad - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5 for quad in quads]
