"""Values and the two protocols of recognition.

Conventions, everywhere in this package: pixels of the upright photograph (EXIF's orientation
applied), x to the right, y down, the origin at the outer corner of the top left pixel. Arrays are
NumPy, rows first. Colours are RGB.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Photo = npt.NDArray[np.uint8]
"""A photograph: (height, width, 3), uint8, RGB, upright."""

Crop = npt.NDArray[np.uint8]
"""A rectified plate: (height, width, 3), uint8, RGB, top edge up, with a small margin around."""

Region = Literal["HK", "CN", "MO", "other"]
Colour = Literal["white", "yellow", "other"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Quad:
    """A plate's four corners in pixels, clockwise from the plate's own top left."""

    top_left: Point
    top_right: Point
    bottom_right: Point
    bottom_left: Point

    @classmethod
    def from_array(cls, corners: npt.ArrayLike) -> "Quad":
        """Builds a quad from (4, 2) x, y in the order of the fields.

        Raises:
            ValueError: `corners` have another shape.
        """
        points = np.asarray(corners, dtype=float)
        if points.shape != (4, 2):
            raise ValueError(f"expected corners of shape (4, 2), got {points.shape}")
        a, b, c, d = ((float(x), float(y)) for x, y in points)
        return cls(a, b, c, d)

    def to_array(self) -> npt.NDArray[np.float32]:
        """Returns (4, 2) float32 x, y in the order of the fields."""
        return np.array(
            [self.top_left, self.top_right, self.bottom_right, self.bottom_left], np.float32
        )

    def bounds(self) -> Box:
        """Returns the smallest upright rectangle around the corners."""
        points = self.to_array()
        left, top = points.min(axis=0)
        right, bottom = points.max(axis=0)
        return Box(float(left), float(top), float(right), float(bottom))


@dataclass(frozen=True, slots=True)
class Detection:
    """A plate found in a photograph: corners, score (0 to 1), and the region of its design.

    `score` is the probability that it is a plate of that region; `hong_kong_score` that it is a
    Hong Kong one, whatever its region, where the detector tells it.
    """

    quad: Quad
    score: float
    region: Region
    hong_kong_score: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DetectedPlate:
    """A detection with its crop, to be read in a batch: all that is kept of its photograph.

    `photo_size` is the photograph's width and height in pixels; None where it is not known, and
    then nothing is told of what its edge cuts.
    """

    detection: Detection
    crop: Crop
    photo_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible text of a plate, with its probability (0 to 1)."""

    text: str
    confidence: float


UNSEEN = "?"
"""Stands in a pattern for any number of characters that are not seen, none included: the edge of a
photograph may run through the blank paper beside the last one."""

MAX_INCOMPLETE_CONFIDENCE = 0.5
"""Confidence in the whole mark that no plate reaches which is not seen whole."""

MAX_CANDIDATES = 5
"""Candidates of one reading at most, its own text included."""


@dataclass(frozen=True, slots=True)
class TextReading:
    """The text that a reader found on one crop, with its confidence (0 to 1).

    `text` is as printed, the rows of a two-row plate parted by a blank, I and O kept; empty
    where nothing could be read. `character_confidences` has one number (0 to 1) for each character
    that is not a blank.
    """

    text: str
    confidence: float
    character_confidences: tuple[float, ...]
    rows: Literal[1, 2]
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class PlateReading:
    """One plate of a photograph, detected and read, as it is stored and printed.

    `gaps` are the places in `mark` (0 before its first character, its length behind its last) where
    characters may stand that are not seen: the photograph ends there, or something hides them.
    Then `mark` and `text` hold what is seen, and `confidence` is at most MAX_INCOMPLETE_CONFIDENCE.
    """

    mark: str
    text: str
    region: Region
    series: str
    rows: Literal[1, 2]
    colour: Colour
    confidence: float
    character_confidences: tuple[float, ...]
    candidates: tuple[Candidate, ...]
    quad: Quad
    detector_score: float
    reader: str
    gaps: tuple[int, ...] = ()

    @property
    def box(self) -> Box:
        """The upright rectangle around the quad."""
        return self.quad.bounds()

    @property
    def complete(self) -> bool:
        """Whether the whole plate is seen, as far as can be told."""
        return not self.gaps

    @property
    def pattern(self) -> str:
        """The mark, with UNSEEN at each gap: `XR746?` where the photograph ends in the plate."""
        ends = (0, *self.gaps, len(self.mark))
        return UNSEEN.join(self.mark[start:end] for start, end in pairwise(ends))


class Detector(Protocol):
    """Detects plates in photographs; `sha256` identifies its model."""

    sha256: str

    def detect(self, photo: Photo) -> list[Detection]:
        """Returns every plate found, the highest score first."""
        ...


class Reader(Protocol):
    """Reads rectified plates; `version` holds its name and what it was built from."""

    name: str
    version: str

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """Returns one reading for each crop, in order; many crops in one call cost less each."""
        ...
