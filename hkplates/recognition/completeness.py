"""Tells which plates are not seen whole, and where in the mark something is missing.

A plate is truncated where the photograph's edge cuts it. The detector's quad then ends at the edge
or a little beyond, as that of a whole plate beside the edge does, or that of a bare crop of a
plate. What tells them apart is that a truncated plate has lost some of its proportions: Hong Kong
plates of one row are some 4.6 times as wide as high, those of two rows 1.85 times.

It is occluded where something within the photograph hides a part. Of that only the half of a usual
mark is told, its letters or its number alone on a plate too narrow for one row of them: the other
row is in glare, or behind a bar.
"""

import math
import re
from collections.abc import Mapping
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

THRESHOLD = 0.05
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


CUT_ACROSS = (-14.1, 7.8, -5.4, 5.1, -3.8)
"""Weights of `cut_features` for the left and right sides: a logistic regression on their being cut,
fitted by models/completeness.py."""

CUT_UPRIGHT = (-33.1, -15.8, 0.0, 13.4, -3.4)
"""The same for top and bottom."""


MAX_LETTERS_ASPECT = 4.2
"""Width over height below which a plate with one or two letters alone has lost its number."""

DIGITS_ASPECTS = (2.4, 3.7)
"""Width over height between which a plate with digits alone has lost its letters. Below, it may
bear an old mark of digits on a plate of the shape of two rows."""


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
    if region == "HK" and (half := lost_half(plate.detection.quad, reading)) is not None:
        gaps.add(0 if half == "letters" else size)
    return tuple(sorted(gaps))


def lost_half(quad: Quad, reading: TextReading) -> Literal["letters", "number"] | None:
    """Returns which half of a usual mark is hidden on a Hong Kong plate, None where neither is."""
    mark, (width, height) = marks.canonical(reading.text), _plate_size(quad)
    aspect = width / height
    if _LETTERS.fullmatch(mark) and aspect < MAX_LETTERS_ASPECT:
        return "number"
    least, most = DIGITS_ASPECTS
    if _DIGITS.fullmatch(mark) and (least < aspect < most or reading.rows == 2):
        return "letters"
    return None


def truncated_sides(
    quad: Quad, photo_size: tuple[int, int] | None, reading: TextReading, region: Region
) -> frozenset[Side]:
    """Returns the sides of a plate at which the photograph's edge cuts it.

    `photo_size` is the photograph's width and height in pixels; none is cut where it is None.
    """
    if photo_size is None:
        return frozenset()
    aspect, distances = measure_sides(quad, photo_size)
    if region != "HK" or not reading.text:
        return frozenset(side for side, distance in distances.items() if distance < -BEYOND)
    return frozenset(
        side
        for side, distance in distances.items()
        if distance < NEAR
        and _cut_probability(side, distance, aspect, reading)
        >= (CROP_THRESHOLD if distances[_OPPOSITE[side]] < NEAR else THRESHOLD)
    )


_OPPOSITE: Mapping[Side, Side] = {
    "left": "right",
    "right": "left",
    "top": "bottom",
    "bottom": "top",
}


def measure_sides(quad: Quad, photo_size: tuple[int, int]) -> tuple[float, dict[Side, float]]:
    """Returns a plate's width over height, and how far its sides lie inside the edges.

    A side's distance is that of its middle from the photograph's edge, in heights of the plate;
    below zero beyond the edge. `photo_size` is width and height in pixels.
    """
    corners, (plate_width, plate_height) = quad.to_array().astype(float), _plate_size(quad)
    middles = (corners + np.roll(corners, -1, axis=0)) / 2  # of top, right, bottom, left
    inside: dict[Side, float] = {
        "top": middles[0, 1],
        "right": photo_size[0] - middles[1, 0],
        "bottom": photo_size[1] - middles[2, 1],
        "left": middles[3, 0],
    }
    distances = {side: float(pixels / plate_height) for side, pixels in inside.items()}
    return plate_width / plate_height, distances


def _plate_size(quad: Quad) -> tuple[float, float]:
    """Returns a plate's width and height in pixels, each the mean of two sides."""
    corners = quad.to_array().astype(float)
    lengths = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    # A quad of no size is no plate; with a pixel nothing is divided by zero.
    width, height = np.maximum(lengths[:2] + lengths[2:], 2.0) / 2
    return float(width), float(height)


def _cut_probability(side: Side, distance: float, aspect: float, reading: TextReading) -> float:
    weights = CUT_ACROSS if side in ("left", "right") else CUT_UPRIGHT
    features = cut_features(side, distance, aspect, reading)
    return sigmoid(sum(a * b for a, b in zip(weights, features, strict=True)))


def cut_features(
    side: Side, distance: float, aspect: float, reading: TextReading
) -> tuple[float, float, float, float, float]:
    """Returns what tells whether the edge cuts a Hong Kong plate at a side near it.

    `distance` is in heights of the plate, below zero beyond the edge; `aspect` its width over
    height. The features are the distance, how much narrower than whole plates it is, how much it
    is foreshortened (both as logarithms), whether its mark is half of a usual one, and 1.
    """
    mark = marks.canonical(reading.text)
    rows = reading.text.split() if reading.rows == 2 else [mark]
    pitch = aspect / max([1, *(len(marks.canonical(row)) for row in rows)])
    return (
        min(max(distance, -0.5), NEAR),
        min(max(math.log(ASPECTS[reading.rows] / aspect), -0.3), 0.8),
        max(0.0, math.log(PITCHES[reading.rows] / pitch)),
        float(_HALVES[side].fullmatch(mark) is not None),
        1.0,
    )


# What is seen of a usual mark that has lost its letters or its number.
_DIGITS, _LETTERS = re.compile("[0-9]+"), re.compile("[A-Z]{1,2}")
_HALVES: Mapping[Side, re.Pattern[str]] = {
    "left": _DIGITS,
    "top": _DIGITS,
    "right": _LETTERS,
    "bottom": _LETTERS,
}
