"""Segments a rectified plate into lines of text for an OCR engine.

Each row is rendered with two kinds of preprocessing: `clean`, only the components of equal height
that make up the row, with screws, frame, maker's mark and surroundings painted white; and `plain`,
all that stands at the row's height, which loses no faint stroke.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.reading.ink import (
    EDGE_TRIM,
    MAX_TWO_ROW_ASPECT,
    MIN_CROP_SIDE,
    InkMap,
    ink_map,
    row_split,
)
from hkplates.recognition.reading.realign import realign
from hkplates.recognition.types import Crop

Mask = npt.NDArray[np.uint8]
Gray = npt.NDArray[np.uint8]
Preprocessing = Literal["plain", "clean"]

LINE_HEIGHT = 36  # pixels, the input of Tesseract's network, which then scales no line again
ROW_MARGIN = 0.14  # of the row's height, kept above and below it
PADDING = 4  # white pixels before and after a line
MIN_CHARACTER_HEIGHT = 0.72  # of the row's height: lower are screws, dots, makers' marks
SHARPEN = 0.7  # weight of the unsharp mask
SOFT_EDGE = 0.08  # of the row's height: how far a character's soft edge reaches


@dataclass(frozen=True, slots=True, eq=False)
class LineView:
    """A plate's text as lines, from one segmentation and one kind of preprocessing.

    `lines` are its rows, top first, each (LINE_HEIGHT, width) uint8, black on white. `squarish` is
    True for a plate that has the form of those made for two rows.
    """

    lines: tuple[Gray, ...]
    preprocessing: Preprocessing
    squarish: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One row's ink with ROW_MARGIN around it; `clean` is None where no character is found."""

    plain: InkMap
    clean: InkMap | None


@dataclass(frozen=True, slots=True)
class _Component:
    """A connected component: its rectangle in pixels, and its centroid's x."""

    label: int
    left: int
    top: int
    width: int
    height: int
    centre_x: float

    def touches_side(self, wide: int, row_height: int) -> bool:
        """Returns whether it is a piece of the frame, at the left or right edge."""
        near = 0.15 * row_height
        return (self.left <= 1 and self.centre_x < near) or (
            self.left + self.width >= wide - 1 and self.centre_x > wide - near
        )


def line_views(crop: Crop) -> list[LineView]:
    """Returns every view of the plate's text, [] for a crop too small.

    The crop as it was given, and once more realigned; each as one row and, where it is squarish,
    as two. Only the last crop is rendered plain as well: both would cost more, and did not read
    more of the training plates.
    """
    if min(crop.shape[:2]) < MIN_CROP_SIDE:
        return []
    realigned = realign(crop)
    # Where realignment moves the corners no side is trimmed: letters may stand there.
    inks = [ink_map(crop, EDGE_TRIM if realigned is None else 0.0)]
    if realigned is not None:
        inks.append(ink_map(realigned, EDGE_TRIM))
    found = [view for ink in inks[:-1] for view in _views_of_ink(ink)]
    return [view for view in found if view.preprocessing == "clean"] + _views_of_ink(inks[-1])


def _views_of_ink(ink: InkMap) -> list[LineView]:
    """Returns the views of one ink map: as one row, and of a squarish plate as two."""
    squarish = ink.shape[1] <= MAX_TWO_ROW_ASPECT * ink.shape[0]
    found = _views_of_rows([_segment_row(ink)], squarish)
    if squarish:
        split = row_split(ink)
        upper, lower = _segment_row(ink[:split], "below"), _segment_row(ink[split:], "above")
        found += _views_of_rows([upper, lower], squarish)
    return found


def _views_of_rows(rows: Sequence[_Row | None], squarish: bool) -> list[LineView]:
    """Returns the plain view and, where characters are found in every row, the clean one."""
    whole = [row for row in rows if row is not None]
    if len(whole) < len(rows):
        return []
    found = [LineView(tuple(_render_line(row.plain) for row in whole), "plain", squarish)]
    clean = [row.clean for row in whole if row.clean is not None]
    if len(clean) == len(rows):
        found.append(LineView(tuple(_render_line(ink) for ink in clean), "clean", squarish))
    return found


def _segment_row(ink: InkMap, neighbour: Literal["above", "below"] | None = None) -> _Row | None:
    """Cuts one row out of the ink; None where no row is found.

    `neighbour` names the side on which another row was split off: characters may touch that edge.
    """
    mask = _binarise(ink)
    high, wide = mask.shape
    top, bottom = _row_extent(mask, neighbour)
    row_height = bottom - top
    if row_height < 4:
        return None
    margin = max(1, round(row_height * ROW_MARGIN))
    first, last = max(0, top - margin), min(high, bottom + margin)
    strip = ink[first:last]
    # Where the strip ends early (the plate's edge, the other row) white takes its place.
    pads = ((first - (top - margin), bottom + margin - last), (0, 0))
    soft_edge = max(1, round(row_height * SOFT_EDGE))
    kept = _character_mask(mask[first:last], row_height)
    columns = np.flatnonzero(kept.any(axis=0))
    plain = np.pad(strip, pads)
    if not columns.size:
        return _Row(plain, None)
    # The clean line ends where its first and last character do.
    left = max(0, int(columns[0]) - soft_edge)
    right = min(wide, int(columns[-1]) + 1 + soft_edge)
    clean = _mask_and_sharpen(strip[:, left:right], kept[:, left:right], row_height)
    return _Row(plain, np.pad(clean, pads))


def _render_line(ink: InkMap) -> Gray:
    """Renders ink as a line, black on white, LINE_HEIGHT high."""
    scale = LINE_HEIGHT / ink.shape[0]
    interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    size = max(1, round(ink.shape[1] * scale)), LINE_HEIGHT
    paper = 1 - np.clip(cv2.resize(ink, size, interpolation=interpolation), 0, 1)
    gray = (paper * 255).astype(np.uint8)
    return np.pad(gray, ((0, 0), (PADDING, PADDING)), constant_values=255)


def _binarise(ink: InkMap) -> Mask:
    """Returns 1 where ink is darker than Otsu's threshold, 0 elsewhere."""
    levels = (ink * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    return (levels > threshold).astype(np.uint8)


def _components(mask: Mask) -> tuple[list[_Component], npt.NDArray[np.int32]]:
    """Returns the connected components of a mask, and the label of each pixel."""
    count, labels, boxes, centroids = cv2.connectedComponentsWithStats(mask, connectivity=8)
    components = []
    for label in range(1, count):
        left, top, width, height = (int(value) for value in boxes[label][:4])
        centre_x = float(centroids[label][0])
        components.append(_Component(label, left, top, width, height, centre_x))
    return components, np.asarray(labels, np.int32)


def _row_extent(mask: Mask, neighbour: Literal["above", "below"] | None) -> tuple[int, int]:
    """Returns top and bottom of the row: of the level components that are largest together."""
    high, wide = mask.shape
    # A component from edge to edge is a frame, unless its row was split off another there.
    tallest = high if neighbour else 0.97 * high
    characters = [
        part
        for part in _components(mask)[0]
        if 0.35 * high <= part.height <= tallest
        and part.width < 0.6 * wide
        and not part.touches_side(wide, high)
    ]
    groups = [[other for other in characters if _is_level(one, other)] for one in characters]
    if groups:
        best = max(groups, key=lambda group: sum(part.width * part.height for part in group))
        return _median([p.top for p in best]), _median([p.top + p.height for p in best])
    # No component stands out of the blur: half of a plate is taken but for its outer edge,
    if neighbour == "below":
        return int(0.08 * high), high
    if neighbour == "above":
        return 0, int(0.92 * high)
    # and on a wide plate the row is where it always is.
    return (int(0.14 * high), int(0.86 * high)) if wide > MAX_TWO_ROW_ASPECT * high else (0, 0)


def _is_level(one: _Component, other: _Component) -> bool:
    """Returns whether two components are of equal height, side by side."""
    off = abs(one.top + one.height / 2 - other.top - other.height / 2)
    return 0.8 <= other.height / one.height <= 1.25 and off < 0.2 * one.height


def _median(values: Sequence[int]) -> int:
    return int(np.median(values))


def _character_mask(mask: Mask, row_height: int) -> Mask:
    """Keeps those components of a strip as high as the row that fill its height."""
    components, labels = _components(mask)
    wide = mask.shape[1]
    kept = [
        part.label
        for part in components
        if part.height >= MIN_CHARACTER_HEIGHT * row_height
        and part.width < 0.9 * wide
        and not part.touches_side(wide, row_height)
    ]
    return np.isin(labels, kept).astype(np.uint8)


def _mask_and_sharpen(ink: InkMap, kept: Mask, row_height: int) -> InkMap:
    """Keeps the masked characters with their soft edges, and sharpens them."""
    # Ink is scaled to what most of the characters' own pixels have, not to the plate's darkest.
    full = max(0.2, float(np.percentile(ink[kept > 0], 80)))
    reach = 2 * max(1, round(row_height * SOFT_EDGE)) + 1
    soft = cv2.dilate(kept, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    masked = ink * soft / full
    masked += SHARPEN * (masked - cv2.GaussianBlur(masked, (0, 0), row_height * SOFT_EDGE))
    return np.asarray(np.clip(masked, 0, 1), np.float32)
