"""Suppresses all detections of a plate but the best: on one level, across levels, and nested."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from hkplates.recognition.calibration import logit
from hkplates.recognition.geometry import quad_area, quad_iou, share_inside

NMS_IOU = 0.3
"""Intersection over union from which two quads are one plate."""

LEVELS_IOU = 0.5
"""The same for proposals of two pyramid levels.

Higher, because half of a large plate at the finer level and all of it at the coarser one are both
to be refined: which of them is a plate is not known yet.
"""

UNTRUSTED_WEIGHT = 0.5
"""Of the score of a plate that is wider than its level's network knows."""

NESTED_SHARE = 0.6
"""Share of a quad inside another from which it is a part of that one: half a plate, a row."""

NESTED_SCORE = 0.5
"""Least score of a quad that makes smaller ones inside it its parts."""

NESTED_AREA_RATIOS = (1.15, 8.0)
"""Area of the outer quad over the inner one's.

Below they are the same plate; above the inner one is a plate in something that looks like one.
"""

NESTED_MARGIN = 2.5
"""Log-odds by which the inner quad may be surer: half a plate looks as much like one as the whole.

By more it is a plate, and the outer quad two of them, one above the other.
"""


@dataclass(frozen=True, slots=True)
class Peak:
    """A plate in pixels of the input: corners (4, 2), score 0 to 1, class 0 (Hong Kong) or 1."""

    corners: npt.NDArray[np.float32]
    score: float
    label: int


AnyPeak = TypeVar("AnyPeak", bound=Peak)


def non_max_suppression(peaks: Sequence[AnyPeak]) -> list[AnyPeak]:
    """Drops peaks that overlap a higher one, of any class: one place holds one plate."""
    if not peaks:
        return []
    ranked = sorted(peaks, key=lambda p: -p.score)
    near = _bounds_overlap(np.stack([peak.corners for peak in ranked]))
    quads = [peak.corners.tolist() for peak in ranked]
    kept: list[int] = []
    for i, quad in enumerate(quads):
        others = (quads[j] for j in kept if near[i, j])
        if all(quad_iou(quad, other) < NMS_IOU for other in others):
            kept.append(i)
    return [ranked[i] for i in kept]


@dataclass(frozen=True, slots=True)
class LevelPeaks:
    """The peaks of one pyramid level in pixels of the photograph, after NMS among themselves.

    `trusted_width` (pixels of the photograph) is the widest plate that the network knows there.
    """

    peaks: Sequence[Peak]
    trusted_width: float

    def rank(self, peak: Peak) -> float:
        """Returns the peak's score as far as the level is to be believed about it."""
        width = float(np.ptp(peak.corners[:, 0]))
        return peak.score * (1.0 if width <= self.trusted_width else UNTRUSTED_WEIGHT)


def suppress_across_levels(levels: Sequence[LevelPeaks]) -> list[Peak]:
    """Drops peaks that are the same quad as a better one of another level."""
    ranked = sorted(
        ((level.rank(peak), at, peak) for at, level in enumerate(levels) for peak in level.peaks),
        key=lambda one: -one[0],
    )
    kept: list[tuple[int, Peak]] = []
    for _, at, peak in ranked:
        quad = peak.corners.tolist()
        others = (other.corners.tolist() for level, other in kept if level != at)
        if all(quad_iou(quad, other) < LEVELS_IOU for other in others):
            kept.append((at, peak))
    return [peak for _, peak in kept]


def drop_nested(peaks: Sequence[AnyPeak]) -> list[AnyPeak]:
    """Drops peaks that lie inside a larger one with a score of NESTED_SCORE and more.

    A half of a large plate, or one of its rows, looks like a plate: the larger quad is the plate.
    """
    quads = [peak.corners.tolist() for peak in peaks]
    areas = [quad_area(quad) for quad in quads]
    least, most = NESTED_AREA_RATIOS
    kept: list[int] = []
    for i in sorted(range(len(peaks)), key=lambda i: -areas[i]):
        outer = (
            quads[j]
            for j in kept
            if least * areas[i] <= areas[j] <= most * areas[i]
            and _may_hold_parts(peaks[j], peaks[i])
        )
        if all(share_inside(quads[i], quad) < NESTED_SHARE for quad in outer):
            kept.append(i)
    return [peaks[i] for i in sorted(kept)]


def _may_hold_parts(outer: Peak, inner: Peak) -> bool:
    """Checks that the outer peak is sure enough to make a peak inside it a part of its plate."""
    margin = logit(outer.score) - logit(inner.score)
    # Halves look like their plate; a plate of another design is one of its own.
    least = -NESTED_MARGIN if outer.label == inner.label else 0.0
    return outer.score >= NESTED_SCORE and margin >= least


def _bounds_overlap(quads: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Returns (n, n), True where the upright boxes of two of the quads (n, 4, 2) overlap."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    return np.asarray((low[:, None] < high[None]).all(-1) & (low[None] < high[:, None]).all(-1))
