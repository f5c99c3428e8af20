"""Draws a contact sheet of imported plates with their texts, for a person to look at."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.types import Crop

ACROSS, CELL_WIDTH, CELL_HEIGHT, CAPTION = 8, 180, 90, 22  # pixels
MOST = 96  # plates on a sheet
PAPER, INK = 235, 20


def write_sheet(path: Path, plates: Sequence[tuple[Crop, str]]) -> None:
    """Writes crops (height, width, 3) uint8 RGB with captions under them, evenly chosen."""
    step = max(1, -(-len(plates) // MOST))
    cells = [_cell(crop, caption) for crop, caption in plates[::step]]
    blank = np.full((CELL_HEIGHT + CAPTION, CELL_WIDTH, 3), PAPER, np.uint8)
    cells += [blank] * (-len(cells) % ACROSS)
    rows = [np.hstack(cells[i : i + ACROSS]) for i in range(0, len(cells), ACROSS)]
    cv2.imwrite(str(path), np.vstack(rows or [blank])[..., ::-1])


def _cell(crop: Crop, caption: str) -> np.ndarray:
    cell = np.full((CELL_HEIGHT + CAPTION, CELL_WIDTH, 3), PAPER, np.uint8)
    scale = min((CELL_WIDTH - 8) / crop.shape[1], (CELL_HEIGHT - 8) / crop.shape[0])
    size = [max(1, round(side * scale)) for side in crop.shape[1::-1]]
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    top, left = (CELL_HEIGHT - size[1]) // 2, (CELL_WIDTH - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = small
    # OpenCV's typeface has ASCII alone.
    plain = caption.encode("ascii", "replace").decode()
    place, ink = (6, CELL_HEIGHT + CAPTION - 8), (INK, INK, INK)
    cv2.putText(cell, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
    return cell
