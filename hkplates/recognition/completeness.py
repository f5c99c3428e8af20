"""Tells which plates are not seen whole, and where in the mark something is missing.

A plate is truncated where the photograph's edge cuts it. The detector's quad then ends at the edge
or a little beyond, as that of a whole plate beside the edge does, or that of a bare crop of a
plate. What tells them apart is that a truncated plate has lost some of its proportions: Hong Kong
plates of one row are some 4.6 times as wide as high, those of two rows 1.85 times.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.calibration import sigmoid
from hkplates.recognition.types import DetectedPlate, Quad, Region, TextReading

Side = Literal["left", "right", "top", "bottom"]

NEAR = 0.35
"""Distance of a plate's side from the photograph's edge, in heights of the plate, above which the
edge cannot cut the plate, however far off its corners are."""

BEYOND = 0.1
"""Heights by which the side of a plate without known proportions reaches beyond the edge from where
on it is truncated: one of another place, or one that cannot be read."""

THRESHOLD = 0.12
"""Probability of a cut from which a side counts as truncated. Most plates that touch one edge alone
are cut: there is more room for an edge within a plate than in a small margin beside it."""

CROP_THRESHOLD = 0.5
"""The same where the plate's opposite side lies at an edge too: a bare crop of a plate, most likely
a whole one."""

ASPECTS: Mapping[int, float] = {1: 4.6, 2: 1.85}
"""Width over height of whole plates, by their rows of characters."""

PITCHES: Mapping[int, float] = {1: 0.6, 2: 0.4}
"""Width of a plate for each character of its longest row, in heights of the plate, below which it
is seen from the side: it is narrow, and yet may be whole."""


@dataclass(frozen=True, slots=True)
class _CutRegression:
    """Weights of a logistic regression on a side being cut.

    Fitted on 110 plates of the training photographs, each cut through on all four sides, cropped
    to the plate and ended beside it (docs/decisions/0017-plates-not-seen-whole.md).
    """

    distance: float
    narrowness: float
    foreshortening: float
    form: float
    bias: float


_ACROSS = _CutRegression(-14.3, 10.0, -10.8, 3.3, -3.9)
_UPRIGHT = _CutRegression(-36.2, -8.3, 0.0, 7.3, -2.2)


def find_gaps(plate: DetectedPlate, reading: TextReading, region: Region) -> tuple[int, ...]:
    """Returns the places in the mark of a reading where characters may stand that are not seen.

    0 is before its first character, the mark's length behind its last; none where the plate is
    seen whole. `region` is whose plate it is, once it is read.
    """
    sides = truncated_sides(plate.detection.quad, plate.photo_size, reading, region)
    size = len(marks.canonical(reading.text))
    gaps: set[int] = set()
    if sides & {"left", "top"}:
        gaps.add(0)
    if sides & {"right", "bottom"}:
        gaps.add(size)
    if reading.rows == 2 and sides & {"left", "right"}:
        # Each row has lost a character there.
        gaps.add(len(marks.canonical(reading.text.partition(" ")[0])))
    return tuple(sorted(gaps))


def truncated_sides(
    quad: Quad, photo_size: tuple[int, int] | None, reading: TextReading, region: Region
) -> frozenset[Side]:
    """Returns the sides of a plate at which the photograph's edge cuts it.

    `photo_size` is the photograph's width and height in pixels; none is cut where it is None.
    """
    if photo_size is None:
        return frozenset()
    width, height = _plate_size(quad)
    distances = {
        side: inside / height for side, inside in _distances_inside(quad, photo_size).items()
    }
    if region != "HK" or not reading.text:
        return frozenset(side for side, distance in distances.items() if distance < -BEYOND)
    return frozenset(
        side
        for side, distance in distances.items()
        if distance < NEAR
        and _cut_probability(side, distance, width / height, reading)
        >= (CROP_THRESHOLD if distances[_OPPOSITE[side]] < NEAR else THRESHOLD)
    )


_OPPOSITE: Mapping[Side, Side] = {
    "left": "right",
    "right": "left",
    "top": "bottom",
    "bottom": "top",
}


def _plate_size(quad: Quad) -> tuple[float, float]:
    """Returns a plate's width and height in pixels, opposite sides averaged."""
    corners = quad.to_array()
    top, right, bottom, left = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    # A quad of no size is no plate; with a pixel nothing is divided by zero.
    return max(float(top + bottom) / 2, 1.0), max(float(right + left) / 2, 1.0)


def _distances_inside(quad: Quad, photo_size: tuple[int, int]) -> dict[Side, float]:
    """Returns how far each side's middle lies inside the photograph's edge, in pixels."""
    width, height = photo_size
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = (
        quad.top_left,
        quad.top_right,
        quad.bottom_right,
        quad.bottom_left,
    )
    return {
        "left": (ax + dx) / 2,
        "right": width - (bx + cx) / 2,
        "top": (ay + by) / 2,
        "bottom": height - (cy + dy) / 2,
    }


def _cut_probability(side: Side, distance: float, aspect: float, reading: TextReading) -> float:
    """Returns the probability that the edge cuts a Hong Kong plate at a side near it.

    `distance` is in heights of the plate, below zero beyond the edge; `aspect` its width over
    height.
    """
    weights = _ACROSS if side in ("left", "right") else _UPRIGHT
    mark = marks.canonical(reading.text)
    rows = reading.text.split() if reading.rows == 2 else [mark]
    pitch = aspect / max(1, *(len(marks.canonical(row)) for row in rows))
    narrowness = math.log(ASPECTS[reading.rows] / aspect)
    return sigmoid(
        weights.distance * min(max(distance, -0.5), NEAR)
        + weights.narrowness * min(max(narrowness, -0.3), 0.8)
        + weights.foreshortening * max(0.0, math.log(PITCHES[reading.rows] / pitch))
        + weights.form * bool(_HALVES[side].fullmatch(mark))
        + weights.bias
    )


# What is seen of a usual mark that has lost its letters or its number.
_DIGITS, _LETTERS = re.compile("[0-9]+"), re.compile("[A-Z]{1,2}")
_HALVES: Mapping[Side, re.Pattern[str]] = {
    "left": _DIGITS,
    "top": _DIGITS,
    "right": _LETTERS,
    "bottom": _LETTERS,
}
