"""Computes the numbers of SVG overlays: outlines and labels of plates, and timelines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

Polygon = Sequence[Sequence[float]]

LABEL_HEIGHT_RATIO = 0.026
"""Height of a label's letters in relation to the photograph's longer side."""
LETTER_WIDTH_RATIO = 0.62
"""Width of a letter in relation to its height."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A plate's outline and its label, in pixels of the upright photograph.

    `is_current`: it is the plate that the page is about, and none beside it.
    """

    points: str
    label: str
    left: float
    top: float
    width: float
    height: float
    is_current: bool

    @property
    def baseline(self) -> float:
        return self.top + 0.76 * self.height

    @property
    def font_size(self) -> float:
        return 0.75 * self.height


def outline(corners: Polygon, label: str, size: tuple[int, int], *, is_current: bool) -> Outline:
    """Returns the outline of a plate, its label above it, or below if there is no space.

    `size`: width and height of the photograph.
    """
    wide, high = size
    letter = LABEL_HEIGHT_RATIO * max(wide, high)
    width, height = letter * (LETTER_WIDTH_RATIO * len(label) + 0.6), letter / 0.75
    left = min(x for x, _ in corners)
    above = min(y for _, y in corners) - 1.3 * height
    below = max(y for _, y in corners) + 0.3 * height
    return Outline(
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners),
        label=label,
        left=round(max(0.0, min(left, wide - width)), 1),
        top=round(above if above >= 0 else min(below, high - height), 1),
        width=round(width, 1),
        height=round(height, 1),
        is_current=is_current,
    )


def box_shares(corners: Polygon, size: tuple[int, int]) -> str:
    """Returns a plate's bounding box: left, top, width and height in shares of the photograph."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    box = (min(xs) / size[0], min(ys) / size[1], (max(xs) - min(xs)) / size[0])
    return " ".join(f"{share:.4f}" for share in (*box, (max(ys) - min(ys)) / size[1]))


def timeline_positions(moments: Sequence[datetime]) -> list[float]:
    """Returns the positions of moments on a line from the first to the last, in percent."""
    first, last = min(moments), max(moments)
    length = (last - first).total_seconds()
    if length == 0:
        return [50.0 for _ in moments]
    return [round(3 + 94 * (one - first).total_seconds() / length, 2) for one in moments]
