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
from hkplates.recognition.reading.realign import realign
from hkplates.recognition.types import Crop

InkMap = npt.NDArray[np.float32]
"""How dark each pixel is against its surroundings: (height, width), 0 paper to 1 ink."""
Mask = npt.NDArray[np.uint8]
Gray = npt.NDArray[np.uint8]
Preprocessing = Literal["plain", "clean"]

LINE_HEIGHT = 36  # pixels, what Tesseract's network takes: a line of it is not scaled again
ROW_MARGIN = 0.14  # of the row's height, shown above and below it
PADDING = 4  # white pixels before and after a line
EDGE_TRIM = 0.05  # of the plate's height, cut off inside its edge: frames and rounded corners
MAX_TWO_ROW_ASPECT = 3.0  # widths over height, corners off included; true ones lie under 2.3
MIN_CHARACTER_HEIGHT = (
    0.72  # of the row's height: what is lower is a screw, a dot or a maker's mark
)
SHARPEN = 0.7
SOFT_EDGE = 0.08  # of the row's height: how far a character's soft edge reaches
MIN_CROP_SIDE = 40  # pixels; `rectify` makes none so small


@dataclass(frozen=True, slots=True, eq=False)
class LineView:
    """One way to see a plate's text.

    `lines` are its rows, top first, each (LINE_HEIGHT, width) uint8, black on white. `squarish`
    says whether the plate has the form of those made for two rows.
    """

    lines: tuple[Gray, ...]
    preprocessing: Preprocessing
    squarish: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """The ink of one row with a little room above and below; `clean` None where nothing is kept."""

    plain: InkMap
    clean: InkMap | None


@dataclass(frozen=True, slots=True)
class _Component:
    """A connected component: its rectangle, and its middle."""

    label: int
    left: int
    top: int
    width: int
    height: int
    centre_x: float

    def touches_side(self, wide: int, row_height: int) -> bool:
        """Whether it is a piece of the frame, at the left or right edge."""
        near = 0.15 * row_height
        return (self.left <= 1 and self.centre_x < near) or (
            self.left + self.width >= wide - 1 and self.centre_x > wide - near
        )


def line_views(crop: Crop) -> list[LineView]:
    """Every way to see the text, [] for none.

    The plate as it was cut out, and once more along its own edges; each as one row and, where it
    is squarish, as two. Only the last cut is shown plain as well: both would cost more, and did
    not read more of the training plates.
    """
    if min(crop.shape[:2]) < MIN_CROP_SIDE:
        return []
    straight = realign(crop)
    # Where the corners look wrong nothing is cut off at the sides: letters may stand there.
    inks = [_ink_map(crop, EDGE_TRIM if straight is None else 0.0)]
    if straight is not None:
        inks.append(_ink_map(straight, EDGE_TRIM))
    found = [
        view for ink in inks[:-1] for view in _views_of_ink(ink) if view.preprocessing == "clean"
    ]
    return found + _views_of_ink(inks[-1])


def _views_of_ink(ink: InkMap) -> list[LineView]:
    squarish = ink.shape[1] <= MAX_TWO_ROW_ASPECT * ink.shape[0]
    found = _views_of_rows([_segment_row(ink)], squarish)
    if squarish:
        middle = _row_split(ink)
        found += _views_of_rows(
            [_segment_row(ink[:middle], "below"), _segment_row(ink[middle:], "above")], squarish
        )
    return found


def _views_of_rows(rows: Sequence[_Row | None], squarish: bool) -> list[LineView]:
    whole = [row for row in rows if row is not None]
    if len(whole) < len(rows):
        return []
    found = [LineView(tuple(_render_line(row.plain) for row in whole), "plain", squarish)]
    clean = [row.clean for row in whole if row.clean is not None]
    if len(clean) == len(rows):
        found.append(LineView(tuple(_render_line(pixels) for pixels in clean), "clean", squarish))
    return found


def _ink_map(crop: Crop, side_trim: float) -> InkMap:
    """The plate itself, without margin and shading; `cut` is cut off at the left and right.

    Red and green alone: yellow paper is then as light as white, and black or red characters dark.
    """
    plate_height = crop.shape[0] / (1 + 2 * CROP_MARGIN)
    edge, side = (
        round(plate_height * (CROP_MARGIN + EDGE_TRIM)),
        round(plate_height * (CROP_MARGIN + side_trim)),
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


def _row_split(ink: InkMap) -> int:
    """The y between two rows: the lightest line near the middle."""
    high, wide = ink.shape
    smooth = max(3, high // 24)
    inner = ink[:, int(wide * 0.05) : int(wide * 0.95)].mean(axis=1)
    profile = np.convolve(inner, np.ones(smooth) / smooth, "same")
    first, last = int(high * 0.40), int(high * 0.58)
    off_middle = np.abs(np.arange(first, last) / high - 0.49) * 0.6 * profile.mean()
    return first + int(np.argmin(profile[first:last] + off_middle))


def _segment_row(ink: InkMap, neighbour: Literal["above", "below"] | None = None) -> _Row | None:
    """One row's ink; None where no row is seen.

    `neighbour` tells on which side another row was cut off: characters may touch that edge.
    """
    mask = _binarise(ink)
    high, wide = mask.shape
    top, bottom = _row_extent(mask, neighbour)
    row_height = bottom - top
    if row_height < 4:
        return None
    slack = max(1, round(row_height * ROW_MARGIN))
    first, last = max(0, top - slack), min(high, bottom + slack)
    strip = ink[first:last]
    # Where the strip ends early (the plate's edge, the other row) white takes its place.
    pads = ((first - (top - slack), bottom + slack - last), (0, 0))
    near = max(1, round(row_height * SOFT_EDGE))
    kept = _character_mask(mask[first:last], row_height)
    columns = np.flatnonzero(kept.any(axis=0))
    plain = np.pad(strip, pads)
    if not columns.size:
        return _Row(plain, None)
    left, right = max(0, int(columns[0]) - near), min(wide, int(columns[-1]) + 1 + near)
    clean = _mask_and_sharpen(strip[:, left:right], kept[:, left:right], row_height)
    return _Row(plain, np.pad(clean, pads))


def _render_line(ink: InkMap) -> Gray:
    """Black on white, LINE_HEIGHT high."""
    scale = LINE_HEIGHT / ink.shape[0]
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    size = max(1, round(ink.shape[1] * scale)), LINE_HEIGHT
    paper = 1 - np.clip(cv2.resize(ink, size, interpolation=way), 0, 1)
    gray = (paper * 255).astype(np.uint8)
    return np.pad(gray, ((0, 0), (PADDING, PADDING)), constant_values=255)


def _binarise(ink: InkMap) -> Mask:
    levels = (ink * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    return (levels > threshold).astype(np.uint8)


def _components(mask: Mask) -> tuple[list[_Component], npt.NDArray[np.int32]]:
    count, labels, boxes, middles = cv2.connectedComponentsWithStats(mask, connectivity=8)
    parts = []
    for label in range(1, count):
        left, top, width, height = (int(value) for value in boxes[label][:4])
        parts.append(_Component(label, left, top, width, height, float(middles[label][0])))
    return parts, np.asarray(labels, np.int32)


def _row_extent(mask: Mask, neighbour: Literal["above", "below"] | None) -> tuple[int, int]:
    """Top and bottom of the row: of the components of equal height that are widest together."""
    high, wide = mask.shape
    tallest = high if neighbour else 0.97 * high
    parts = [
        part
        for part in _components(mask)[0]
        if 0.35 * high <= part.height <= tallest
        and part.width < 0.6 * wide
        and not part.touches_side(wide, high)
    ]
    groups = [[other for other in parts if _is_level(part, other)] for part in parts]
    if groups:
        best = max(groups, key=lambda group: sum(part.width * part.height for part in group))
        return _median([p.top for p in best]), _median([p.top + p.height for p in best])
    if neighbour == "below":
        return int(0.08 * high), high
    if neighbour == "above":
        return 0, int(0.92 * high)
    # Nothing parts from the blur: on a wide plate the row is where it always is.
    return (int(0.14 * high), int(0.86 * high)) if wide > MAX_TWO_ROW_ASPECT * high else (0, 0)


def _is_level(one: _Component, other: _Component) -> bool:
    """Whether two components are of equal height, side by side."""
    middles = abs(one.top + one.height / 2 - other.top - other.height / 2)
    return 0.8 <= other.height / one.height <= 1.25 and middles < 0.2 * one.height


def _median(values: Sequence[int]) -> int:
    return int(np.median(values))


def _character_mask(mask: Mask, row_height: int) -> Mask:
    """Of a strip as high as the row, the components that fill its height."""
    parts, labels = _components(mask)
    wide = mask.shape[1]
    kept = [
        part.label
        for part in parts
        if part.height >= MIN_CHARACTER_HEIGHT * row_height
        and part.width < 0.9 * wide
        and not part.touches_side(wide, row_height)
    ]
    return np.isin(labels, kept).astype(np.uint8)


def _mask_and_sharpen(ink: InkMap, kept: Mask, row_height: int) -> InkMap:
    """Only what is kept and its soft edge, sharpened."""
    full = max(0.2, float(np.percentile(ink[kept > 0], 80)))
    reach = 2 * max(1, round(row_height * SOFT_EDGE)) + 1
    soft = cv2.dilate(kept, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    drawn = ink * soft / full
    drawn += SHARPEN * (drawn - cv2.GaussianBlur(drawn, (0, 0), row_height * SOFT_EDGE))
    return np.asarray(np.clip(drawn, 0, 1), np.float32)
