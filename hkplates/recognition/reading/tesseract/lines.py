"""A rectified plate's rows of characters as lines of text, ready for an OCR engine.

Each row is shown in two ways: `clean`, only the components of equal height that make up the row,
screws, frame, maker's mark and surroundings painted white; and `plain`, all that stands at the
row's height, which loses no faint stroke.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.images.warp import CROP_MARGIN
from hkplates.recognition.reading.realign import straighten
from hkplates.recognition.types import Crop

Ink = npt.NDArray[np.float32]
"""How dark each pixel is against its surroundings: (height, width), 0 paper to 1 ink."""
Mask = npt.NDArray[np.uint8]
Gray = npt.NDArray[np.uint8]
Way = Literal["plain", "clean"]

LINE_HEIGHT = 36  # pixels, what Tesseract's network takes: a line of it is not scaled again
SLACK = 0.14  # of the row's height, shown above and below it
ENDS = 4  # white pixels before and after a line
CUT = 0.05  # of the plate's height, cut off inside its edge: frames and rounded corners
WIDEST_TWO_ROWS = 3.0  # widths over height, corners off included; true ones lie under 2.3
LEAST_HEIGHT = 0.72  # of the row's height: what is lower is a screw, a dot or a maker's mark
SHARPEN = 0.7
NEAR = 0.08  # of the row's height: how far a character's soft edge reaches
LEAST_CROP = 40  # pixels; `rectify` makes none so small


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One way to see a plate's text.

    `lines` are its rows, top first, each (LINE_HEIGHT, width) uint8, black on white. `squarish`
    says whether the plate has the form of those made for two rows.
    """

    lines: tuple[Gray, ...]
    way: Way
    squarish: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """The ink of one row with a little room above and below; `clean` None where nothing is kept."""

    plain: Ink
    clean: Ink | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A connected component: its rectangle, and its middle."""

    label: int
    left: int
    top: int
    width: int
    height: int
    middle: float

    def hugs_the_side(self, wide: int, row_height: int) -> bool:
        """Whether it is a piece of the frame, at the left or right edge."""
        near = 0.15 * row_height
        return (self.left <= 1 and self.middle < near) or (
            self.left + self.width >= wide - 1 and self.middle > wide - near
        )


def views(crop: Crop) -> list[View]:
    """Every way to see the text, [] for none.

    The plate as it was cut out, and once more along its own edges; each as one row and, where it
    is squarish, as two. Only the last cut is shown plain as well: both would cost more, and did
    not read more of the training plates.
    """
    if min(crop.shape[:2]) < LEAST_CROP:
        return []
    straight = straighten(crop)
    # Where the corners look wrong nothing is cut off at the sides: letters may stand there.
    inks = [_ink(crop, CUT if straight is None else 0.0)]
    if straight is not None:
        inks.append(_ink(straight, CUT))
    found = [view for ink in inks[:-1] for view in _views(ink) if view.way == "clean"]
    return found + _views(inks[-1])


def _views(ink: Ink) -> list[View]:
    squarish = ink.shape[1] <= WIDEST_TWO_ROWS * ink.shape[0]
    found = _seen([_row(ink)], squarish)
    if squarish:
        middle = _gap(ink)
        found += _seen([_row(ink[:middle], "below"), _row(ink[middle:], "above")], squarish)
    return found


def _seen(rows: Sequence[_Row | None], squarish: bool) -> list[View]:
    whole = [row for row in rows if row is not None]
    if len(whole) < len(rows):
        return []
    found = [View(tuple(_line(row.plain) for row in whole), "plain", squarish)]
    clean = [row.clean for row in whole if row.clean is not None]
    if len(clean) == len(rows):
        found.append(View(tuple(_line(pixels) for pixels in clean), "clean", squarish))
    return found


def _ink(crop: Crop, cut: float) -> Ink:
    """The plate itself, without margin and shading; `cut` is cut off at the left and right.

    Red and green alone: yellow paper is then as light as white, and black or red characters dark.
    """
    plate_height = crop.shape[0] / (1 + 2 * CROP_MARGIN)
    edge, side = (
        round(plate_height * (CROP_MARGIN + CUT)),
        round(plate_height * (CROP_MARGIN + cut)),
    )
    plate = crop[edge:-edge, side:-side].astype(np.float32)
    light = (plate[:, :, 0] + plate[:, :, 1]) / 2
    size = max(3, light.shape[0] // 2 | 1)
    paper = cv2.morphologyEx(
        cv2.GaussianBlur(light, (0, 0), 1), cv2.MORPH_CLOSE, np.ones((size, size), np.uint8)
    )
    paper = cv2.GaussianBlur(paper, (0, 0), size / 3)
    ink = np.clip(1 - light / np.maximum(paper, 1), 0, 1)
    return np.clip(ink / max(float(np.percentile(ink, 97)), 0.05), 0, 1).astype(np.float32)


def _gap(ink: Ink) -> int:
    """The y between two rows: the lightest line near the middle."""
    high, wide = ink.shape
    smooth = max(3, high // 24)
    inner = ink[:, int(wide * 0.05) : int(wide * 0.95)].mean(axis=1)
    profile = np.convolve(inner, np.ones(smooth) / smooth, "same")
    first, last = int(high * 0.40), int(high * 0.58)
    off_middle = np.abs(np.arange(first, last) / high - 0.49) * 0.6 * profile.mean()
    return first + int(np.argmin(profile[first:last] + off_middle))


def _row(ink: Ink, neighbour: Literal["above", "below"] | None = None) -> _Row | None:
    """One row's ink; None where no row is seen.

    `neighbour` tells on which side another row was cut off: characters may touch that edge.
    """
    mask = _dark(ink)
    high, wide = mask.shape
    top, bottom = _band(mask, neighbour)
    row_height = bottom - top
    if row_height < 4:
        return None
    slack = max(1, round(row_height * SLACK))
    first, last = max(0, top - slack), min(high, bottom + slack)
    strip = ink[first:last]
    # Where the strip ends early (the plate's edge, the other row) white takes its place.
    pads = ((first - (top - slack), bottom + slack - last), (0, 0))
    near = max(1, round(row_height * NEAR))
    kept = _characters(mask[first:last], row_height)
    columns = np.flatnonzero(kept.any(axis=0))
    plain = np.pad(strip, pads)
    if not columns.size:
        return _Row(plain, None)
    left, right = max(0, int(columns[0]) - near), min(wide, int(columns[-1]) + 1 + near)
    clean = _drawn(strip[:, left:right], kept[:, left:right], row_height)
    return _Row(plain, np.pad(clean, pads))


def _line(ink: Ink) -> Gray:
    """Black on white, LINE_HEIGHT high."""
    scale = LINE_HEIGHT / ink.shape[0]
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    size = max(1, round(ink.shape[1] * scale)), LINE_HEIGHT
    paper = 1 - np.clip(cv2.resize(ink, size, interpolation=way), 0, 1)
    gray = (paper * 255).astype(np.uint8)
    return np.pad(gray, ((0, 0), (ENDS, ENDS)), constant_values=255)


def _dark(ink: Ink) -> Mask:
    levels = (ink * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    return (levels > threshold).astype(np.uint8)


def _parts(mask: Mask) -> tuple[list[_Part], npt.NDArray[np.int32]]:
    count, labels, boxes, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    parts = []
    for label in range(1, count):
        left, top, width, height = (int(value) for value in boxes[label][:4])
        parts.append(_Part(label, left, top, width, height, float(middles[label][0])))
    return parts, np.asarray(labels, np.int32)


def _band(mask: Mask, neighbour: Literal["above", "below"] | None) -> tuple[int, int]:
    """Top and bottom of the row: of the components of equal height that are widest together."""
    high, wide = mask.shape
    tallest = high if neighbour else 0.97 * high
    parts = [
        part
        for part in _parts(mask)[0]
        if 0.35 * high <= part.height <= tallest
        and part.width < 0.6 * wide
        and not part.hugs_the_side(wide, high)
    ]
    groups = [[other for other in parts if _level(part, other)] for part in parts]
    if groups:
        best = max(groups, key=lambda group: sum(part.width * part.height for part in group))
        return _median([p.top for p in best]), _median([p.top + p.height for p in best])
    if neighbour == "below":
        return int(0.08 * high), high
    if neighbour == "above":
        return 0, int(0.92 * high)
    # Nothing parts from the blur: on a wide plate the row is where it always is.
    return (int(0.14 * high), int(0.86 * high)) if wide > WIDEST_TWO_ROWS * high else (0, 0)


def _level(one: _Part, other: _Part) -> bool:
    """Whether two components are of equal height, side by side."""
    middles = abs(one.top + one.height / 2 - other.top - other.height / 2)
    return 0.8 <= other.height / one.height <= 1.25 and middles < 0.2 * one.height


def _median(values: Sequence[int]) -> int:
    return int(np.median(values))


def _characters(mask: Mask, row_height: int) -> Mask:
    """Of a strip as high as the row, the components that fill its height."""
    parts, labels = _parts(mask)
    wide = mask.shape[1]
    kept = [
        part.label
        for part in parts
        if part.height >= LEAST_HEIGHT * row_height
        and part.width < 0.9 * wide
        and not part.hugs_the_side(wide, row_height)
    ]
    return np.isin(labels, kept).astype(np.uint8)


def _drawn(ink: Ink, kept: Mask, row_height: int) -> Ink:
    """Only what is kept and its soft edge, sharpened."""
    full = max(0.2, float(np.percentile(ink[kept > 0], 80)))
    reach = 2 * max(1, round(row_height * NEAR)) + 1
    soft = cv2.dilate(kept, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    drawn = ink * soft / full
    drawn += SHARPEN * (drawn - cv2.GaussianBlur(drawn, (0, 0), row_height * NEAR))
    return np.asarray(np.clip(drawn, 0, 1), np.float32)
