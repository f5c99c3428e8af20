"""Cuts a rectified plate into the lines of text that PP-OCR's recogniser reads.

The recogniser reads one row. Of a plate of the form for two rows it gets both of them set side by
side, as one line: of 98 plates of train/ with two rows 92 are read so, and 82 where each row is a
line of its own, for a row of two letters says little alone. What has the form for two may still be
one row with loose corners, so that it is read as one as well.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.images.warp import CROP_MARGIN
from hkplates.recognition.reading.ink import (
    EDGE_TRIM,
    MAX_TWO_ROW_ASPECT,
    MIN_CROP_SIDE,
    ink_map,
    row_split,
)
from hkplates.recognition.types import Crop

Gray = npt.NDArray[np.uint8]

LINE_HEIGHT = 48  # pixels, of PP-OCR's input
MIN_LINE_WIDTH = 16  # pixels: two of its frames

# Of the plate's height, trimmed off two rows: frames beside them would be read as 1 or I where the
# rows meet, and so would what reaches over from the other row.
SIDE_TRIM, OUTER_TRIM, INNER_TRIM = 0.06, 0.03, 0.01


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """A line to read: `pixels` (LINE_HEIGHT, width) uint8, gray.

    `lower_from` is the share of the width at which the lower row begins, None for a single row.
    `squarish` is True for a plate of the form for two rows, however it is read.
    """

    pixels: Gray
    lower_from: float | None
    squarish: bool


def text_lines(crop: Crop) -> list[TextLine]:
    """Returns the lines as which a plate may be read; [] for a crop too small."""
    if min(crop.shape[:2]) < MIN_CROP_SIDE:
        return []
    margin = round(crop.shape[0] * CROP_MARGIN / (1 + 2 * CROP_MARGIN))
    # Gray reads as well as colour: 460 of 505 crops of train/ each.
    gray = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
    plate = gray[margin:-margin, margin:-margin]
    squarish = plate.shape[1] <= MAX_TWO_ROW_ASPECT * plate.shape[0]
    lines = [TextLine(_scale(plate), None, squarish)]
    if squarish:
        upper, lower = (_scale(row) for row in _two_rows(crop, plate))
        line = np.concatenate([upper, lower], axis=1)
        lines.append(TextLine(line, upper.shape[1] / line.shape[1], squarish))
    return lines


def _two_rows(crop: Crop, plate: Gray) -> tuple[Gray, Gray]:
    """Cuts the plate into its upper and its lower row, without frames."""
    unit = plate.shape[0]
    split = round(EDGE_TRIM * unit) + row_split(ink_map(crop, EDGE_TRIM))
    side, outer, inner = (round(trim * unit) for trim in (SIDE_TRIM, OUTER_TRIM, INNER_TRIM))
    inside = plate[:, side : plate.shape[1] - side]
    return inside[outer : split - inner], inside[split + inner : unit - outer]


def _scale(row: Gray) -> Gray:
    """Scales a row to LINE_HEIGHT in its own proportions."""
    width = max(MIN_LINE_WIDTH, round(row.shape[1] * LINE_HEIGHT / row.shape[0]))
    return np.asarray(cv2.resize(row, (width, LINE_HEIGHT)), np.uint8)
