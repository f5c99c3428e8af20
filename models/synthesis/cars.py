"""Draws cars seen from straight ahead or straight behind, of plain shapes.

One unit is the width of the body. No photograph is used: these are for samples that anyone may
copy, plausible enough to try the program on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.synthesis.fonts import FontLibrary
from models.synthesis.layers import Layer

Kind = Literal["saloon", "van", "taxi", "minibus"]
UNIT = 660  # pixels across the body, about as large as it will be seen
PLATE_WIDTHS = {1: 0.285, 2: 0.165}  # of the body: 520 and 300 mm of 1,800
CHROME, RUBBER, GLASS = (196, 200, 205), (22, 22, 24), (38, 46, 54)
PAINTS = (
    (24, 26, 30),
    (236, 237, 238),
    (172, 176, 180),
    (92, 96, 102),
    (28, 44, 88),
    (120, 18, 24),
    (60, 78, 70),
    (196, 164, 120),
)
RED, CREAM, GREEN = (178, 26, 32), (232, 222, 190), (26, 112, 74)


@dataclass(frozen=True, slots=True)
class Car:
    """A drawn car: its layer, and the place of its plate's middle (in units)."""

    layer: Layer
    plate_at: tuple[float, float]
    rear: bool
    kind: Kind


def draw_car(rng: np.random.Generator, fonts: FontLibrary, kind: Kind, *, rear: bool) -> Car:
    """Draws a car in a random colour (taxis and minibuses in their own)."""
    height = {"saloon": 0.8, "taxi": 0.86, "van": 1.02, "minibus": 1.18}[kind]
    layer = Layer.empty(1.3, height + 0.04, UNIT)
    paint = _paint(rng, kind)
    layer.both_sides([(0.34, 0.0), (0.34, 0.24), (0.47, 0.24), (0.47, 0.0)], RUBBER, rounding=0.012)
    _cabin(layer, rng, kind, paint, rear=rear)
    body = _body(layer, paint)
    for x in (-0.25, 0.2):
        layer.glow(body, x + rng.uniform(-0.1, 0.1), 0.46, 0.2, 55)
    plate_at = _rear(layer, rng, fonts, paint) if rear else _front(layer, rng)
    if kind == "taxi":
        _roof_sign(layer, fonts, 0.8, "TAXI")
    if kind == "minibus":
        _roof_sign(layer, fonts, 1.08, "16M")
    return Car(layer, plate_at, rear, kind)


def _paint(rng: np.random.Generator, kind: Kind) -> tuple[float, float, float]:
    own = {"taxi": RED, "minibus": CREAM}
    return own.get(kind) or PAINTS[rng.integers(len(PAINTS))]


def _scaled_colour(colour: Sequence[float], factor: float) -> tuple[float, ...]:
    return tuple(float(np.clip(c * factor + (factor - 1) * 12, 0, 255)) for c in colour)


def _cabin(
    layer: Layer, rng: np.random.Generator, kind: Kind, paint: Sequence[float], *, rear: bool
) -> None:
    top = {"saloon": 0.78, "taxi": 0.79, "van": 1.0, "minibus": 1.08}[kind]
    lean = {"saloon": 0.1, "taxi": 0.1, "van": 0.06, "minibus": 0.02}[kind]
    wide = 0.4 if kind in ("saloon", "taxi") else 0.46
    roof = {"taxi": (188, 190, 192), "minibus": RED}.get(kind, tuple(paint))
    outline = [(wide, 0.42), (wide - lean, top - 0.03), (wide - lean - 0.03, top)]
    shape = outline + [(-x, y) for x, y in reversed(outline)]
    layer.fill(shape, _scaled_colour(roof, 1.1), _scaled_colour(roof, 0.8), rounding=0.012)
    inner = [(wide - 0.035, 0.49), (wide - lean - 0.035, top - 0.06)]
    glass = inner + [(-x, y) for x, y in reversed(inner)]
    mask = layer.fill(glass, _scaled_colour(GLASS, 2.1), GLASS, rounding=0.01)
    layer.glow(mask, rng.uniform(-0.2, 0.2), top - 0.1, 0.25, 60)
    for x in (-0.17, 0.17):  # head rests, seen through the glass
        layer.fill(
            [(x - 0.05, 0.5), (x - 0.045, 0.6), (x + 0.045, 0.6), (x + 0.05, 0.5)],
            (26, 30, 34),
            rounding=0.012,
        )
    if not rear:
        layer.line([(-0.28, 0.5), (0.02, 0.525)], (16, 16, 18), 0.006)
        layer.fill([(0.2, 0.66), (0.2, 0.7), (0.24, 0.7), (0.24, 0.66)], (232, 226, 200))
    mirror = [(wide + 0.02, 0.5), (wide + 0.02, 0.57), (wide + 0.11, 0.56), (wide + 0.11, 0.5)]
    layer.both_sides(
        mirror, _scaled_colour(paint, 1.05), _scaled_colour(paint, 0.6), rounding=0.014
    )


def _body(layer: Layer, paint: Sequence[float]) -> np.ndarray:
    right = [(0.4, 0.09), (0.47, 0.14), (0.5, 0.3), (0.485, 0.41), (0.41, 0.5), (0.3, 0.515)]
    shape = right + [(-x, y) for x, y in reversed(right)]
    mask = layer.fill(
        shape, _scaled_colour(paint, 1.14), _scaled_colour(paint, 0.62), rounding=0.02
    )
    for x in (-0.5, 0.5):  # the sides turn away from the light
        layer.glow(mask, x, 0.3, 0.12, -45)
    return mask


def _front(layer: Layer, rng: np.random.Generator) -> tuple[float, float]:
    for side in (-1, 1):
        layer.line([(side * 0.2, 0.39), (side * 0.3, 0.5)], (0, 0, 0), 0.003)
    high, low, wide = 0.405, rng.uniform(0.29, 0.31), rng.uniform(0.17, 0.24)
    grille = [(wide, high), (wide - 0.03, low), (-wide + 0.03, low), (-wide, high)]
    layer.fill(grille, CHROME, (120, 124, 128), rounding=0.01)
    inner = [(x * 0.94, low + (y - low) * 0.86 + 0.008) for x, y in grille]
    layer.fill(inner, (14, 14, 16), (40, 42, 44), rounding=0.008)
    for y in np.linspace(low + 0.02, high - 0.02, int(rng.integers(3, 6))):
        layer.line([(-wide * 0.86, y), (wide * 0.86, y)], (134, 138, 142), 0.005)
    layer.ellipse((0, (high + low) / 2), (0.035, 0.03), CHROME, (120, 124, 130))
    layer.ellipse((0, (high + low) / 2), (0.024, 0.02), (60, 64, 70))
    lamp = [(0.27, 0.38), (0.46, 0.425), (0.475, 0.36), (0.44, 0.325), (0.28, 0.32)]
    layer.both_sides(lamp, (244, 248, 250), (150, 160, 170), rounding=0.012)
    for side in (-1, 1):
        layer.ellipse((side * 0.335, 0.352), (0.026, 0.024), (255, 255, 255), (196, 204, 214))
        layer.ellipse((side * 0.42, 0.37), (0.02, 0.02), (232, 178, 96), (206, 140, 60))
    intake = [(0.36, 0.155), (0.31, 0.105), (-0.31, 0.105), (-0.36, 0.155)]
    layer.fill(intake, (12, 12, 14), (34, 36, 38), rounding=0.01)
    fog = [(0.37, 0.2), (0.44, 0.21), (0.44, 0.165), (0.38, 0.16)]
    layer.both_sides(fog, (30, 30, 32), (66, 68, 70), rounding=0.012)
    return 0.0, 0.215


def _rear(
    layer: Layer, rng: np.random.Generator, fonts: FontLibrary, paint: Sequence[float]
) -> tuple[float, float]:
    layer.line(
        [(-0.4, 0.5), (-0.36, 0.265), (0.36, 0.265), (0.4, 0.5)], _scaled_colour(paint, 0.4), 0.004
    )
    lamp = [(0.29, 0.44), (0.475, 0.45), (0.487, 0.38), (0.45, 0.345), (0.3, 0.36)]
    layer.both_sides(lamp, (206, 24, 30), (112, 8, 14), rounding=0.012)
    white = [(0.3, 0.392), (0.37, 0.395), (0.37, 0.37), (0.305, 0.368)]
    layer.both_sides(white, (226, 222, 220), (190, 180, 180), rounding=0.006)
    recess = [(0.21, 0.405), (0.19, 0.275), (-0.19, 0.275), (-0.21, 0.405)]
    layer.fill(recess, _scaled_colour(paint, 0.5), _scaled_colour(paint, 0.72), rounding=0.01)
    layer.fill([(0.16, 0.425), (0.16, 0.408), (-0.16, 0.408), (-0.16, 0.425)], CHROME, (130,) * 3)
    layer.ellipse((0, 0.46), (0.03, 0.026), CHROME, (110, 114, 120))
    name = ("HYBRID", "2.4", "GT", "SPORT", "EV")[rng.integers(5)].replace(".", "")
    layer.stamp(fonts.pick(rng).row(name, 15), -0.36, 0.335, CHROME)
    layer.line([(-0.47, 0.245), (0.47, 0.245)], _scaled_colour(paint, 0.35), 0.006)
    layer.fill([(0.4, 0.15), (0.36, 0.1), (-0.36, 0.1), (-0.4, 0.15)], (20, 20, 22), (44, 44, 46))
    for side in (-1, 1):
        layer.ellipse((side * 0.3, 0.11), (0.04, 0.018), CHROME, (90, 92, 96))
        strip = [
            (side * 0.32, 0.2),
            (side * 0.45, 0.205),
            (side * 0.45, 0.19),
            (side * 0.32, 0.185),
        ]
        layer.fill(strip, (170, 20, 26), (130, 10, 16))
    return 0.0, 0.338


def _roof_sign(layer: Layer, fonts: FontLibrary, at: float, text: str) -> None:
    board = [(0.09, at), (0.075, at + 0.062), (-0.075, at + 0.062), (-0.09, at)]
    layer.fill(board, (246, 244, 232), (214, 210, 190), rounding=0.006)
    ink = fonts.pick(np.random.default_rng(0)).row(text, 25)
    layer.stamp(ink, -ink.shape[1] / 2 / layer.unit, at + 0.05, (176, 20, 28))
