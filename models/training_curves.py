"""Draws training curves: losses and figures over the samples seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, MARGIN = 900, 480, 48  # pixels
TOP = 110  # pixels above the frame, for the legend
LINE_HEIGHT = 18  # pixels between lines of the legend
INK, FRAME = (70, 70, 70), (200, 200, 200)
COLOURS = ((200, 60, 60), (40, 90, 200), (50, 140, 50), (110, 160, 220), (150, 200, 150))  # RGB


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve with its name in the legend: y (n,) from 0 to 1 at x (n,)."""

    name: str
    x: np.ndarray
    y: np.ndarray


def draw_curves(path: Path, title: str, curves: Sequence[Curve]) -> None:
    """Writes a PNG of the curves, if any has two points yet; the title stands below them."""
    shown = [curve for curve in curves if len(curve.x) > 1 and np.isfinite(curve.y).all()]
    if not shown:
        return
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    cv2.rectangle(picture, (MARGIN, TOP), (WIDTH - MARGIN, HEIGHT - MARGIN), FRAME, 1)
    last = max(float(curve.x.max()) for curve in shown)
    for place, (curve, colour) in enumerate(zip(shown, COLOURS, strict=False)):
        across = MARGIN + curve.x / last * (WIDTH - 2 * MARGIN)
        down = HEIGHT - MARGIN - curve.y.clip(0, 1) * (HEIGHT - MARGIN - TOP)
        points = np.stack([across, down], axis=1).round().astype(np.int32)
        cv2.polylines(picture, [points], False, colour, 2, cv2.LINE_AA)
        _write_text(picture, curve.name, (MARGIN, LINE_HEIGHT * (place + 1)), colour)
    _write_text(picture, title, (MARGIN, HEIGHT - 16), INK)
    cv2.imwrite(str(path), picture[..., ::-1])


def _write_text(
    picture: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.48, colour, 1, cv2.LINE_AA)
