"""Draws shapes with vertical colour gradients on a transparent layer, in units of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Colour = Sequence[float]
Points = Sequence[tuple[float, float]]


@dataclass(slots=True)
class Layer:
    """A transparent layer: `pixels` (height, width, 3) and `alpha` (height, width), both uint8.

    Points are given in units; x = 0 is the middle, y = 0 the bottom, y grows upwards.
    """

    pixels: np.ndarray
    alpha: np.ndarray
    unit: float

    @classmethod
    def empty(cls, width: float, height: float, unit: float) -> "Layer":
        """Makes a clear layer of `width` x `height` units, `unit` pixels each."""
        shape = (round(height * unit), round(width * unit))
        return cls(np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8), unit)

    def at(self, points: Points) -> np.ndarray:
        """Converts points in units to pixels (n, 2)."""
        height, width = self.alpha.shape
        return np.array([(width / 2 + x * self.unit, height - y * self.unit) for x, y in points])

    def fill(
        self, points: Points, top: Colour, bottom: Colour | None = None, *, rounding: float = 0.0
    ) -> np.ndarray:
        """Fills a polygon with a colour, or a gradient from its top to its bottom.

        `rounding` in units rounds the corners. Returns the shape's mask.
        """
        places = self.at(points)
        rim = round(rounding * self.unit * 3) + 2
        area = self._area(places, rim)
        mask = np.zeros(self.alpha[area].shape, np.uint8)
        inside = places - (area[1].start, area[0].start)
        cv2.fillPoly(mask, [inside.round().astype(np.int32)], 255, cv2.LINE_AA)
        if rounding:
            blurred = cv2.GaussianBlur(mask, (0, 0), rounding * self.unit)
            mask = np.clip((blurred.astype(np.float32) - 118) * 12, 0, 255).astype(np.uint8)
        self._blend(area, mask, shade(mask.shape, inside[:, 1], top, bottom or top))
        whole = np.zeros_like(self.alpha)
        whole[area] = mask
        return whole

    def both_sides(
        self, points: Points, top: Colour, bottom: Colour | None = None, *, rounding: float = 0.0
    ) -> None:
        """Fills a shape and its mirror image."""
        self.fill(points, top, bottom, rounding=rounding)
        self.fill([(-x, y) for x, y in points], top, bottom, rounding=rounding)

    def ellipse(self, centre: tuple[float, float], size: tuple[float, float], *c: Colour) -> None:
        """Fills an ellipse; `size` are its half axes."""
        turns = np.linspace(0, 2 * np.pi, 40)
        x, y = centre
        points = [(x + size[0] * np.cos(t), y + size[1] * np.sin(t)) for t in turns]
        self.fill(points, *c)

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draws a line through points, `width` units thick."""
        places, thick = self.at(points), max(1, round(width * self.unit))
        area = self._area(places, thick + 2)
        mask = np.zeros(self.alpha[area].shape, np.uint8)
        path = (places - (area[1].start, area[0].start)).round().astype(np.int32)
        cv2.polylines(mask, [path], False, 255, thick, cv2.LINE_AA)
        self._blend(area, mask, np.array(colour, np.float32))

    def glow(self, mask: np.ndarray, x: float, y: float, radius: float, strength: float) -> None:
        """Adds light (or with a negative strength shadow) around a point, inside `mask` only."""
        rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
        if not rows.size:
            return
        area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        across, down = self.at([(x, y)])[0]
        reach = radius * self.unit
        wide = np.exp(-(((np.arange(columns[0], columns[-1] + 1) - across) / reach) ** 2))
        high = np.exp(-6 * ((np.arange(rows[0], rows[-1] + 1) - down) / reach) ** 2)
        light = np.outer(high, wide * strength / 255).astype(np.float32) * mask[area]
        self.pixels[area] = np.clip(self.pixels[area] + light[..., None], 0, 255).astype(np.uint8)

    def stamp(self, ink: np.ndarray, left: float, top: float, colour: Colour) -> None:
        """Draws ink (a mask in pixels) with its top left corner at a point in units."""
        x, y = self.at([(left, top)])[0].round().astype(int)
        area = np.s_[y : y + ink.shape[0], x : x + ink.shape[1]]
        height, width = self.alpha[area].shape
        self._blend(area, ink[:height, :width], np.array(colour, np.float32))

    def _area(self, places: np.ndarray, rim: int) -> tuple[slice, slice]:
        """Returns the area that a shape touches: most shapes are small, the layer is not."""
        height, width = self.alpha.shape
        left, top = np.clip(np.floor(places.min(0)).astype(int) - rim, 0, (width - 1, height - 1))
        right, bottom = np.clip(np.ceil(places.max(0)).astype(int) + rim, 1, (width, height))
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    def _blend(self, area: tuple[slice, slice], mask: np.ndarray, colour: np.ndarray) -> None:
        cover = (mask.astype(np.float32) / 255)[..., None]
        self.pixels[area] = (self.pixels[area] * (1 - cover) + colour * cover).astype(np.uint8)
        self.alpha[area] = np.maximum(self.alpha[area], mask)


def shade(shape: tuple[int, ...], rows: np.ndarray, top: Colour, bottom: Colour) -> np.ndarray:
    """Makes a gradient (height, 1, 3): `top` at the smallest of `rows`, `bottom` at the largest."""
    low, high = rows.min(), max(rows.max(), rows.min() + 1)
    share = np.clip((np.arange(shape[0]) - low) / (high - low), 0, 1)[:, None, None]
    return np.array(top, np.float32) * (1 - share) + np.array(bottom, np.float32) * share
