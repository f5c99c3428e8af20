"""Find the plate's own edges in a crop, and cut it out anew along them.

A detector's corners are off by a tenth of the plate's height, which is enough to cut characters
in two. The paper is brighter than what is around it on most vehicles; where it is not (a white
plate on a white van), the edge that was given stays.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.images.warp import CROP_MARGIN, rectify
from hkplates.recognition.types import Crop, Quad

Points = npt.NDArray[np.float64]

EDGE_SEARCH = 0.3  # of the plate's height: how far off an edge is looked for
MIN_CONTRAST = 25  # levels between paper and characters
MIN_DISPLACEMENT = 0.02  # of the plate's height: what is nearer is the same crop


@dataclass(frozen=True, slots=True)
class _EdgeLine:
    """One side as a line: along = slope * across + start; `found` or only assumed."""

    slope: float
    intercept: float
    found: bool = True


def realign(crop: Crop) -> Crop | None:
    """The same plate cut out along its own edges; None where they are not seen, or no better."""
    margin = round(crop.shape[0] * CROP_MARGIN / (1 + 2 * CROP_MARGIN))
    high = crop.shape[0] - 2 * margin
    paper = _paper_mask(crop, margin)
    if paper is None:
        return None
    sides = _edge_lines(paper, margin)
    corners = np.array(
        [_intersection(sides[i], sides[j]) for i, j in ((0, 3), (0, 1), (2, 1), (2, 3))]
    )
    right, bottom = crop.shape[1] - margin, crop.shape[0] - margin
    given = np.array([[margin, margin], [right, margin], [right, bottom], [margin, bottom]])
    moved = np.abs(corners - given).max() / high
    if not MIN_DISPLACEMENT < moved < 1.5 * EDGE_SEARCH:
        return None
    return rectify(crop, Quad.from_array(corners))


def _paper_mask(crop: Crop, margin: int) -> npt.NDArray[np.bool_] | None:
    """The bright area that fills most of the crop's inside."""
    smooth = cv2.GaussianBlur(crop, (0, 0), 1).astype(np.float32)
    light = (smooth[:, :, 0] + smooth[:, :, 1]) / 2
    dark, bright = np.percentile(light[margin:-margin, margin:-margin], (5, 75))
    if bright - dark < MIN_CONTRAST:
        return None
    mask = (light > bright - 0.5 * (bright - dark)).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(mask, connectivity=4)
    counts = np.bincount(labels[margin:-margin, margin:-margin].ravel())
    counts[0] = 0
    area = labels == int(counts.argmax())
    return np.asarray(area) if counts.any() else None


def _edge_lines(
    paper: npt.NDArray[np.bool_], margin: int
) -> tuple[_EdgeLine, _EdgeLine, _EdgeLine, _EdgeLine]:
    """Top, right, bottom, left. Upright sides are lines of y, the others of x."""
    high, wide = paper.shape
    reach = EDGE_SEARCH * (high - 2 * margin)
    flipped, turned = paper[::-1], paper[:, ::-1]
    return (
        _fit_edge(_first_paper_row(paper), margin, reach, wide),
        _mirrored(_fit_edge(_first_paper_row(turned.T), margin, reach, high), wide),
        _mirrored(_fit_edge(_first_paper_row(flipped), margin, reach, wide), high),
        _fit_edge(_first_paper_row(paper.T), margin, reach, high),
    )


def _first_paper_row(paper: npt.NDArray[np.bool_]) -> Points:
    """The first row that is paper, for each column; NaN where none is."""
    return np.where(paper.any(axis=0), paper.argmax(axis=0), np.nan).astype(float)


def _fit_edge(edge: Points, expected: int, reach: float, length: int) -> _EdgeLine:
    """A line through the edge's points; the one expected where too few lie near it."""
    inset = round(expected + 0.05 * (length - 2 * expected))  # corners are round
    across = np.arange(length, dtype=float)[inset : length - inset]
    along = edge[inset : length - inset]
    # An edge at the crop's own border is none: the paper goes on beyond it.
    near = (np.abs(along - expected) < reach) & (along > 1)
    assumed = _EdgeLine(0.0, float(expected), found=False)
    if near.sum() < max(8, 0.5 * len(along)):
        return assumed
    across, along = across[near], along[near]
    for _ in range(4):
        slope, start = _least_squares(across, along)
        off = np.abs(along - slope * across - start)
        kept = off <= max(1.0, 1.5 * float(np.median(off)))
        across, along = across[kept], along[kept]
        if len(across) < 8:
            return assumed
    return _EdgeLine(float(slope), float(start))


def _least_squares(across: Points, along: Points) -> tuple[float, float]:
    """Slope and start of the line of least squares: as np.polyfit, at a tenth of its cost."""
    middle = across.mean()
    away = across - middle
    slope = float(away @ along / max(float(away @ away), 1e-9))
    return slope, float(along.mean() - slope * middle)


def _mirrored(side: _EdgeLine, size: int) -> _EdgeLine:
    return _EdgeLine(-side.slope, size - side.intercept, side.found)


def _intersection(level: _EdgeLine, upright: _EdgeLine) -> tuple[float, float]:
    """Where y = level(x) and x = upright(y) meet."""
    y = (level.slope * upright.intercept + level.intercept) / (1 - level.slope * upright.slope)
    return upright.slope * y + upright.intercept, y
