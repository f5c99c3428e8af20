"""Defines what every reader of labels returns, whichever tool wrote them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np

Units = Literal["pixels", "shares"]


class Reason(StrEnum):
    """Why a photograph of the labels is not used; the value is what is printed."""

    LABEL_DAMAGED = "the label file cannot be read"
    PHOTO_MISSING = "the photograph is missing"
    OUTSIDE = "the label names a file outside of the folder"
    AMBIGUOUS = "several photographs have that name"
    NOT_DECODED = "the photograph cannot be decoded"
    SIZE_DISAGREES = "the labels are for a photograph of another size"
    BOX_OUTSIDE = "a plate lies outside of the picture"
    BOX_EMPTY = "a plate has no area"
    SHAPE_UNKNOWN = "a plate is labelled with a shape that is no box and no polygon"
    CLASS_UNKNOWN = "a class that may or may not be a plate"
    FRAME_UNCLEAR = "boxes and polygons of this photograph are in different frames"
    TEXT_UNCLEAR = "texts that may be of one plate or of another"
    DUPLICATE = "labelled again by a later label, which is used"
    UNLABELLED = "no label is about the photograph"


class Unusable(Exception):
    """Something of the labels cannot be used; `reason` groups it, `detail` names what and how."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class LabelError(Exception):
    """The labels as a whole cannot be imported; the message says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A labelled object.

    `points` (n, 2) are x, y; two are opposite corners of an upright box. `attributes` are what was
    told of it beside its class, by lower-case name. `unusable` says why its place cannot be used,
    which matters only where it is a plate. `fields` are taken into our form as they are.
    """

    name: str
    points: np.ndarray
    attributes: Mapping[str, str] = field(default_factory=dict)
    uncertain: bool = False
    unusable: Unusable | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnnotatedPhoto:
    """The labels of a photograph as a tool wrote them.

    `file` is the photograph as the label names it, `label` the file that names it. `size` is the
    width and height that the labels are about, None where they do not tell. Points are pixels of
    that size, or shares of width and height.
    """

    file: str
    label: Path
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    units: Units = "pixels"
    size_is_stored: bool = False
    """True where the tool writes the file's own size, whatever frame its labels are in."""


Record = AnnotatedPhoto | Unusable
"""What readers yield: the labels of a photograph, or what could not be read."""
