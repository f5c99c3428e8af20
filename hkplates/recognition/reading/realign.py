"""Finds the plate's own edges in a crop and rectifies it anew along them.

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
Mask = npt.NDArray[np.bool_]

EDGE_SEARCH = 0.3  # of the plate's height: how far from the given edge the true one may lie
MIN_CONTRAST = 25  # levels between paper and characters
MIN_DISPLACEMENT = 0.02  # of the plate's height: what moves less is the same crop


@dataclass(frozen=True, slots=True)
class _EdgeLine:
    """One side as a line along = slope * across + intercept.

    Sides that lie level have x as `across` and y as `along`, upright ones the other way round.
    """

    slope: float
    intercept: float


def realign(crop: Crop) -> Crop | None:
    """Rectifies the plate along its own edges; None where they are not found, or no better."""
    margin = round(crop.shape[0] * CROP_MARGIN / (1 + 2 * CROP_MARGIN))
    plate_height = crop.shape[0] - 2 * margin
    paper = _paper_mask(crop, margin)
    if paper is None:
        return None
    top, right, bottom, left = _edge_lines(paper, margin)
    pairs = ((top, left), (top, right), (bottom, right), (bottom, left))
    corners = np.array([_intersection(level, upright) for level, upright in pairs])
    right_x, bottom_y = crop.shape[1] - margin, crop.shape[0] - margin
    given = np.array([[margin, margin], [right_x, margin], [right_x, bottom_y], [margin, bottom_y]])
    displacement = np.abs(corners - given).max() / plate_height
    # Corners further off than both their edges may be are the meeting of ill-fitted lines.
    if not MIN_DISPLACEMENT < displacement < 1.5 * EDGE_SEARCH:
        return None
    return rectify(crop, Quad.from_array(corners))


def _paper_mask(crop: Crop, margin: int) -> Mask | None:
    """Returns the bright component that fills most of the inside; None for too little contrast."""
    smooth = cv2.GaussianBlur(crop, (0, 0), 1).astype(np.float32)
    # Red and green alone: yellow paper is then as bright as white.
    light = (smooth[:, :, 0] + smooth[:, :, 1]) / 2
    # Characters cover more than a twentieth of a plate, paper more than a quarter.
    dark, bright = np.percentile(light[margin:-margin, margin:-margin], (5, 75))
    if bright - dark < MIN_CONTRAST:
        return None
    mask = (light > bright - 0.5 * (bright - dark)).astype(np.uint8)
    # Opening parts the paper from bright threads that lead out of it, as over a thin frame.
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(mask, connectivity=4)
    counts = np.bincount(labels[margin:-margin, margin:-margin].ravel())
    counts[0] = 0  # what is dark
    area = labels == int(counts.argmax())
    return np.asarray(area) if counts.any() else None


def _edge_lines(paper: Mask, margin: int) -> tuple[_EdgeLine, _EdgeLine, _EdgeLine, _EdgeLine]:
    """Fits the paper's top, right, bottom and left edges."""
    high, wide = paper.shape
    reach = EDGE_SEARCH * (high - 2 * margin)
    # One fit serves all sides: it looks from the top, so the mask is turned or mirrored before it.
    flipped, turned = paper[::-1], paper[:, ::-1]
    return (
        _fit_edge(_first_paper_row(paper), margin, reach, wide),
        _mirrored(_fit_edge(_first_paper_row(turned.T), margin, reach, high), wide),
        _mirrored(_fit_edge(_first_paper_row(flipped), margin, reach, wide), high),
        _fit_edge(_first_paper_row(paper.T), margin, reach, high),
    )


def _first_paper_row(paper: Mask) -> Points:
    """Returns the first row that is paper in each column, (columns,); NaN where none is."""
    return np.where(paper.any(axis=0), paper.argmax(axis=0), np.nan).astype(float)


def _fit_edge(edge: Points, expected: int, reach: float, length: int) -> _EdgeLine:
    """Fits a line to an edge's points; returns the given edge where too few lie near it.

    Least squares four times over, each time without the points that lie off by more than 1.5 times
    the median residual: what the paper loses to characters at its edge, or gains from a bumper.
    """
    inset = round(expected + 0.05 * (length - 2 * expected))  # corners are round
    across = np.arange(length, dtype=float)[inset : length - inset]
    along = edge[inset : length - inset]
    # An edge at the crop's own border is none: the paper goes on beyond it.
    near = (np.abs(along - expected) < reach) & (along > 1)
    given = _EdgeLine(0.0, float(expected))
    if near.sum() < max(8, 0.5 * len(along)):
        return given
    across, along = across[near], along[near]
    for _ in range(4):
        slope, intercept = _least_squares(across, along)
        residuals = np.abs(along - slope * across - intercept)
        kept = residuals <= max(1.0, 1.5 * float(np.median(residuals)))
        across, along = across[kept], along[kept]
        if len(across) < 8:
            return given
    return _EdgeLine(float(slope), float(intercept))


def _least_squares(across: Points, along: Points) -> tuple[float, float]:
    """Returns slope and intercept of the fitted line: as np.polyfit, at a tenth of its cost."""
    middle = across.mean()
    away = across - middle
    slope = float(away @ along / max(float(away @ away), 1e-9))
    return slope, float(along.mean() - slope * middle)


def _mirrored(side: _EdgeLine, size: int) -> _EdgeLine:
    return _EdgeLine(-side.slope, size - side.intercept)


def _intersection(level: _EdgeLine, upright: _EdgeLine) -> tuple[float, float]:
    """Returns the point (x, y) where y = level(x) and x = upright(y) meet."""
    y = (level.slope * upright.intercept + level.intercept) / (1 - level.slope * upright.slope)
    return upright.slope * y + upright.intercept, y
