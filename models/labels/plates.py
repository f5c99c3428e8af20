"""Turns a labelled object into a plate in our form: which are plates, their corners, text, colour.

The form is that of data folders: `box`, `quad`, `text`, `lines`, `color`, `hk`, `mark`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.detection.plate_colour import classify_colour
from hkplates.recognition.detection.refiner import Refiner
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.types import Photo, Quad
from models.labels import vocabulary
from models.labels.corners import refined_corners
from models.labels.geometry import aspect, box_corners, quad_of
from models.labels.records import AnnotatedPhoto, Reason, Shape, Unusable
from models.labels.vocabulary import PlateText

Kind = Literal["plate", "mark", "other", "unclear"]
MarkNames = Literal["none", "likely", "all"]
"""Which objects' names are their marks: none, those that look like one, or all that can be one."""

Plate = dict[str, Any]

# Width by height below which a plate has two rows, by its labelled corners, by those that the
# refiner found in its box, and by the box. Of the 202 readable Hong Kong plates of the project's
# training photographs 10, 11 and 16 lie on the other side.
TWO_ROWS_BELOW = {"labelled": 2.2, "refined": 2.35, "box": 2.05}
MIN_SIDE = 3.0  # pixels of a plate
MIN_INSIDE = 0.6  # share of a plate that is in the picture
UPRIGHT = 0.75  # pixels; corners nearer to their upright box are a box written as a polygon
NOT_WHITE_OR_YELLOW = "one row, neither white nor yellow, no text"
COLOURS = ("white", "yellow", "other")
_HONG_KONG = {"hk", "hkg", "hongkong", "香港"}
_NOTES = {"cn": "mainland China", "china": "mainland China", "mo": "Macau", "macau": "Macau"}
_NOTES |= {"mainland": "mainland China", "mainlandchina": "mainland China", "macao": "Macau"}
_CHINESE = range(0x4E00, 0xA000)


@dataclass(frozen=True, slots=True)
class Classes:
    """Which classes are plates: those chosen, else those whose name says so."""

    chosen: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    mark_names: MarkNames = "none"

    def kind(self, name: str) -> Kind:
        """Returns what an object of this class is."""
        if self.chosen:
            return "plate" if name.casefold() in self.chosen else "other"
        if name.casefold() in self.ignored:
            return "other"
        if vocabulary.names_plate(name):
            return "plate"
        if vocabulary.names_other(name):
            return "other"
        return "mark" if self._is_mark(name) else "unclear"

    def _is_mark(self, name: str) -> bool:
        if self.mark_names == "all":
            return vocabulary.read_text(name).text is not None
        return self.mark_names == "likely" and vocabulary.looks_like_mark(name)


def names_are_marks(photos: Iterable[AnnotatedPhoto]) -> bool:
    """Guesses whether objects are named after their marks, as in the project's first recipe.

    No class names a plate there, and at least half of the objects, but for cars and the like, have
    names like marks. Where characters are labelled one by one, names of one character are none.
    """
    names = Counter(shape.name for photo in photos for shape in photo.shapes)
    if any(vocabulary.names_plate(name) for name in names):
        return False
    objects = Counter[bool]()
    for name, count in names.items():
        if not vocabulary.names_other(name):
            objects[vocabulary.looks_like_mark(name)] += count
    return objects[True] >= max(objects[False], 1)


def plate_of(
    shape: Shape, kind: Kind, points: np.ndarray, photo: Photo, refiner: Refiner | None = None
) -> Plate:
    """Returns the plate that a shape labels; `points` (n, 2) are in pixels of the photograph.

    Rows and colour that nobody told are guessed along the corners; where only a box is labelled,
    along those that the `refiner` finds in it. They are a guess, and no label: `quad` stays None.

    Raises:
        Unusable: it has no place, or none in the picture.
    """
    if shape.unusable is not None:
        raise shape.unusable
    quad = None if len(points) == 2 else quad_of(points)
    box = _clipped(points, photo.shape[1], photo.shape[0])
    if quad is not None and np.abs(quad - box_corners(quad)).max() < UPRIGHT:
        quad = None
    (left, top), (right, bottom) = box
    sides = [left, top, right - left, bottom - top]
    corners, limit = _best_corners(quad, sides, photo, refiner)
    told = _told_text(shape, kind)
    lines = _lines(shape, told, aspect(corners) < limit)
    colour = _colour(shape, photo, corners)
    return {
        "box": [round(side, 1) for side in sides],
        "quad": None if quad is None else [[round(x, 1), round(y, 1)] for x, y in quad.tolist()],
        **_text_fields(shape, told),
        "lines": lines,
        "color": colour,
        **_region_fields(shape, told, may_be_ours=colour != "other" or lines == 2),
        **shape.fields,
    }


def with_mark(plate: Plate) -> Plate:
    """Adds the mark of a readable Hong Kong plate."""
    if plate["hk"] and plate["text"]:
        return {**plate, "mark": marks.canonical(plate["text"])}
    return plate


def _clipped(points: np.ndarray, width: int, height: int) -> tuple[list[float], list[float]]:
    """Returns left top and right bottom of a plate within the picture."""
    low, high = points.min(axis=0), points.max(axis=0)
    if (high - low < MIN_SIDE).any():
        raise Unusable(Reason.BOX_EMPTY, f"{_size(high - low)} pixels at {_size(low, ', ')}")
    limit = np.array([width, height], float)
    inner_low, inner_high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    if np.prod(inner_high - inner_low) < MIN_INSIDE * np.prod(high - low):
        raise Unusable(
            Reason.BOX_OUTSIDE,
            f"from {_size(low, ', ')} to {_size(high, ', ')} in {width} x {height} pixels",
        )
    return inner_low.tolist(), inner_high.tolist()


def _size(pair: np.ndarray, between: str = " x ") -> str:
    return between.join(f"{value:.0f}" for value in pair)


def _told_text(shape: Shape, kind: Kind) -> PlateText:
    if kind == "mark":
        return vocabulary.read_text(shape.name)
    written = vocabulary.lookup(shape.attributes, vocabulary.TEXT_NAMES)
    if written is None or vocabulary.is_unreadable(shape.attributes):
        return PlateText()
    return vocabulary.read_text(written)


def _text_fields(shape: Shape, told: PlateText) -> Plate:
    if told.text and shape.uncertain:
        return {"text": None, "text_guess": told.text}
    return {"text": told.text} | ({"raw_text": told.raw} if told.raw else {})


def _best_corners(
    quad: np.ndarray | None, sides: Sequence[float], photo: Photo, refiner: Refiner | None
) -> tuple[np.ndarray, float]:
    """Returns the corners (4, 2) to look at, and the width by height below which they are two rows.

    `sides` are left, top, width and height of the labelled box.
    """
    if quad is not None:
        return quad, TWO_ROWS_BELOW["labelled"]
    refined = refined_corners(photo, sides, refiner) if refiner else None
    if refined is not None:
        return refined, TWO_ROWS_BELOW["refined"]
    x, y, width, height = sides
    corners = box_corners(np.array([[x, y], [x + width, y + height]]))
    return corners, TWO_ROWS_BELOW["box"]


def _lines(shape: Shape, told: PlateText, looks_two: bool) -> int:
    written = vocabulary.lookup(shape.attributes, vocabulary.LINE_NAMES)
    if written in ("1", "2"):
        return int(written)
    return told.rows or (2 if looks_two else 1)


def _colour(shape: Shape, photo: Photo, corners: np.ndarray) -> str:
    written = vocabulary.lookup(shape.attributes, vocabulary.COLOUR_NAMES)
    if written is not None:
        told = vocabulary.plain(written)
        chinese = {"白": "white", "黃": "yellow", "黄": "yellow"}
        return chinese.get(told[:1], told if told in COLOURS else "other")
    return classify_colour(rectify(photo, Quad.from_array(corners)))


def _region_fields(shape: Shape, told: PlateText, *, may_be_ours: bool) -> Plate:
    """Returns whether the plate is Hong Kong's: an attribute says so, the class, or the plate.

    The dark plates of the mainland and of Macau below those of cross-boundary cars are mostly
    labelled as plates, too. Of the project's training photographs 148 of 165 such plates are
    neither white nor yellow and of one row, and so is one of 52 Hong Kong plates without text.
    """
    written = vocabulary.lookup(shape.attributes, vocabulary.REGION_NAMES)
    region = vocabulary.plain(written) if written else vocabulary.foreign_region(shape.name)
    if region:
        note = {"note": _NOTES[region]} if region in _NOTES else {}
        return {"hk": True} if region in _HONG_KONG else {"hk": False, **note}
    if told.raw and any(ord(character) in _CHINESE for character in told.raw):
        return {"hk": False, "note": "mainland China"}
    if told.text is None and not may_be_ours:
        return {"hk": False, "note": NOT_WHITE_OR_YELLOW}
    return {"hk": True}
