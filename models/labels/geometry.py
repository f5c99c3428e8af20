"""Turns the shapes that tools write into a plate's four corners."""

import cv2
import numpy as np


def box_corners(points: np.ndarray) -> np.ndarray:
    """Returns the corners (4, 2) of the upright box around points (n, 2), clockwise."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def rotate(points: np.ndarray, degrees: float, centre: np.ndarray) -> np.ndarray:
    """Rotates points (n, 2) clockwise, as it looks in a picture, about `centre` (2,)."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned: np.ndarray = (points - centre) @ turn + centre
    return turned


def quad_of(points: np.ndarray) -> np.ndarray | None:
    """Returns the plate's corners (4, 2), clockwise from its top left, of a polygon (n, 2).

    A polygon of more points is reduced to four, or its smallest rectangle is taken. None for fewer
    than four, or where no area is left.
    """
    if len(points) < 4:
        return None
    hull = cv2.convexHull(points.astype(np.float32))[:, 0]
    quad = hull if len(hull) == 4 else _four_corners(hull)
    if cv2.contourArea(quad.astype(np.float32)) <= 0:
        return None
    return _from_top_left(quad.astype(float))


def aspect(quad: np.ndarray) -> float:
    """Returns width by height of a quad (4, 2), as means of opposite sides."""
    sides = np.hypot(*(np.roll(quad, -1, axis=0) - quad).T)
    return float((sides[0] + sides[2]) / max(sides[1] + sides[3], 1e-6))


def _four_corners(hull: np.ndarray) -> np.ndarray:
    """Reduces a convex polygon to four corners."""
    length = cv2.arcLength(hull, True)
    for share in (0.01, 0.02, 0.03, 0.05, 0.08):
        reduced = cv2.approxPolyDP(hull, share * length, True)[:, 0]
        if len(reduced) == 4:
            return reduced
    return cv2.boxPoints(cv2.minAreaRect(hull))


def _from_top_left(quad: np.ndarray) -> np.ndarray:
    """Orders corners clockwise from the one that is most to the left and to the top."""
    away = quad - quad.mean(axis=0)
    clockwise = quad[np.argsort(np.arctan2(away[:, 1], away[:, 0]))]
    return np.roll(clockwise, -int(clockwise.sum(axis=1).argmin()), axis=0)
