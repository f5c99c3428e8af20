"""Draws the plates of a photograph onto a copy of it, for people to look at."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from hkplates.recognition.types import Box, Photo, Quad, Region

_OUTLINE_COLOURS = {
    "HK": (0, 200, 83),
    "other": (41, 121, 255),
    "CN": (41, 121, 255),
    "MO": (41, 121, 255),
}
_LABEL_BACKGROUND = (20, 20, 20)
_LABEL_TEXT = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class AnnotatedPlate(Protocol):
    """A plate that can be drawn: a PlateReading, or a row of the table `plates`."""

    @property
    def pattern(self) -> str: ...
    @property
    def region(self) -> Region: ...
    @property
    def confidence(self) -> float: ...
    @property
    def quad(self) -> Quad: ...
    @property
    def box(self) -> Box: ...


def draw_plates(photo: Photo, plates: Sequence[AnnotatedPlate]) -> Photo:
    """Draws each plate's outline on a copy, and a dark label with mark and confidence beside it.

    Green outlines are Hong Kong plates, blue ones others; "?" stands for what was not read or seen.
    """
    drawn = photo.copy()
    # Lines and letters grow with the picture: legible when it is shown a thousand pixels wide.
    unit = max(photo.shape[:2]) / 1000
    for plate in plates:
        corners = np.round(plate.quad.to_array()).astype(np.int32)
        thickness = max(1, round(2 * unit))
        # A wider dark line below the coloured one: seen on white plates and on dark cars alike.
        cv2.polylines(
            drawn, [corners], True, _LABEL_BACKGROUND, thickness + max(2, round(2 * unit))
        )
        cv2.polylines(
            drawn, [corners], True, _OUTLINE_COLOURS[plate.region], thickness, cv2.LINE_AA
        )
    # Labels after all outlines, so that no outline runs through a label.
    for plate in plates:
        others = [other.box for other in plates if other is not plate]
        _label(drawn, plate, others, unit)
    return drawn


def _label(drawn: Photo, plate: AnnotatedPlate, others: Sequence[Box], unit: float) -> None:
    text = f"{plate.pattern or '?'} {plate.confidence:.0%}"
    scale, weight, gap = max(0.4, 0.75 * unit), max(1, round(1.5 * unit)), max(3, round(5 * unit))
    (wide, high), low = cv2.getTextSize(text, _FONT, scale, weight)
    size = wide + 2 * gap, high + low + 2 * gap
    left, top = _label_place(plate.box, others, size, drawn.shape[1], drawn.shape[0], gap)
    cv2.rectangle(
        drawn, (left, top), (left + size[0], top + size[1]), _LABEL_BACKGROUND, cv2.FILLED
    )
    foot = (left + gap, top + size[1] - gap - low)
    cv2.putText(drawn, text, foot, _FONT, scale, _LABEL_TEXT, weight, cv2.LINE_AA)


def _label_place(
    box: Box, others: Sequence[Box], size: tuple[int, int], wide: int, high: int, gap: int
) -> tuple[int, int]:
    """Returns a label's left and top: above its plate, or below where that hides less of all."""
    left = min(max(0, round(box.left)), max(0, wide - size[0]))
    above, below = round(box.top) - gap - size[1], round(box.bottom) + gap
    places = [min(max(0, top), max(0, high - size[1])) for top in (above, below)]

    def hidden_area(top: int) -> float:
        return sum(
            max(0.0, min(left + size[0], covered.right) - max(left, covered.left))
            * max(0.0, min(top + size[1], covered.bottom) - max(top, covered.top))
            for covered in (box, *others)
        )

    return left, min(places, key=hidden_area)


def save_annotated(
    photo: Photo, plates: Sequence[AnnotatedPlate], source: str, folder: Path
) -> Path:
    """Writes the annotated copy of `source` into an existing folder as JPEG and returns its path.

    The name is made of the source's own and a hash of its whole path: photographs of one name from
    two folders do not meet, no name leads out of the folder, and the same photograph has the same
    name each time.
    """
    path = folder / annotated_name(source)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(draw_plates(photo, plates), cv2.COLOR_RGB2BGR))
    path.write_bytes(data.tobytes())
    return path


def annotated_name(source: str) -> str:
    """Returns the name of an annotated copy: "gate-3f9a1c0b7d.jpg" for "/park/gate.png"."""
    # A name that is not UTF-8 comes as surrogates; its own bytes are hashed.
    whole_path = str(Path(source).absolute()).encode("utf-8", "surrogateescape")
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(source).stem)[:80]
    return f"{stem}-{hashlib.sha256(whole_path).hexdigest()[:10]}.jpg"
