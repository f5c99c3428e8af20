"""Matches plates of two readings of one photograph by their intersection over union."""

from collections.abc import Sequence
from itertools import pairwise

from hkplates.recognition.types import Point

Polygon = Sequence[Point]
"""A plate's four corners in pixels, in turn around it."""

MATCH_IOU = 0.3
"""Intersection over union from which two quads are one plate. Two readings of a small plate are a
few pixels apart, and plates above or beside each other share next to nothing."""


def greedy_match(
    first: Sequence[Polygon], second: Sequence[Polygon], min_iou: float = MATCH_IOU
) -> list[tuple[int, int]]:
    """Returns pairs of indices that are one plate, the highest IoU first; each index once."""
    shares = (
        (quad_iou(one, other), i, j)
        for i, one in enumerate(first)
        for j, other in enumerate(second)
    )
    found: list[tuple[int, int]] = []
    for _, i, j in sorted(
        (s for s in shares if s[0] >= min_iou), key=lambda s: (-s[0], s[1], s[2])
    ):
        if all(i != taken and j != given for taken, given in found):
            found.append((i, j))
    return found


def quad_iou(first: Polygon, second: Polygon) -> float:
    """Returns the intersection over union of two convex quads in either direction, 0 to 1."""
    both = _intersection_area(first, second)
    together = quad_area(first) + quad_area(second)
    # Corners that cross over have no area to speak of.
    return min(1.0, both / (together - both)) if together > both > 0 else 0.0


def share_inside(inner: Polygon, outer: Polygon) -> float:
    """Returns the share of a convex quad's area that lies inside another, 0 to 1."""
    area = quad_area(inner)
    return min(1.0, _intersection_area(inner, outer) / area) if area > 0 else 0.0


def quad_area(quad: Polygon) -> float:
    """Returns a quad's area in square pixels."""
    return abs(_area(quad))


def _intersection_area(first: Polygon, second: Polygon) -> float:
    if _bounds_disjoint(first, second):
        return 0.0
    # Clips the first quad by each side of the second; `turn` tells which side is inside.
    shared = list(first)
    turn = 1 if _area(second) >= 0 else -1
    for a, b in pairwise([*second, second[0]]):
        shared = _clip_half_plane(shared, a, b, turn)
    return quad_area(shared)


def _bounds_disjoint(first: Polygon, second: Polygon) -> bool:
    """Checks that the upright rectangles around them share no area, as those of most pairs."""
    for axis in (0, 1):
        ours, theirs = [p[axis] for p in first], [p[axis] for p in second]
        if max(ours) <= min(theirs) or max(theirs) <= min(ours):
            return True
    return False


def _clip_half_plane(polygon: list[Point], a: Point, b: Point, turn: int) -> list[Point]:
    """Clips a polygon to the inner side of the line from a to b (Sutherland-Hodgman)."""
    sides = [
        turn * ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])) for p in polygon
    ]
    kept: list[Point] = []
    corners = list(zip(polygon, sides, strict=True))
    for (p, at), (q, then) in pairwise([*corners, *corners[:1]]):
        if at >= 0:
            kept.append(p)
        if (at > 0 > then) or (at < 0 < then):
            part = at / (at - then)
            kept.append((p[0] + part * (q[0] - p[0]), p[1] + part * (q[1] - p[1])))
    return kept


def _area(polygon: Polygon) -> float:
    """Returns a polygon's signed area; below zero where its corners go the other way round."""
    closed = [*polygon, *polygon[:1]]
    return sum(p[0] * q[1] - q[0] * p[1] for p, q in pairwise(closed)) / 2
