"""Look at each plate found again, from near: firmer corners, and a second opinion on what it is.

The first look sees the whole photograph, shrunk; a sign may pass for a plate there. The second sees
the place alone, the plate a half of its width. What both agree on is a plate, where their corners'
mean says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.peaks import Answers, Peak, drop_repeats, find_peaks, overlap
from hkplates.recognition.types import Photo

SIZE = 224  # pixels; side of the square view, the size the network learned from
PLATES_ACROSS = 2.0  # widths of the plate in the view
LARGEST_SCALE = 1.6  # a far plate is not blown up further: that shows nothing more
LEAST_OVERLAP = 0.2  # of the two looks' quads; else the second look saw something else
# In one photograph, the surest first: each costs some milliseconds, and a photograph of a whole car
# park has its dozens of plates. More are noise.
MOST_LOOKS = 64
DOUBT = 0.05  # least score of the second look
PADDING = (114, 114, 114)  # as around a photograph that does not fill its input

Quads = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Near:
    """A square part of a photograph; `scale` and `origin` lead from its pixels back."""

    pixels: Photo
    scale: float
    origin: npt.NDArray[np.float64]

    def to_photo(self, corners: Quads) -> Quads:
        """Corners (4, 2) of the view in pixels of the photograph."""
        return (corners / self.scale + self.origin).astype(np.float32)


def look_again(
    photo: Photo, peaks: Sequence[Peak], answer: Callable[[Photo], Answers], threshold: float
) -> list[Peak]:
    """The peaks that the second look confirms, in pixels of the photograph, the surest first.

    `peaks` are in those pixels as well. The score becomes the geometric mean of both looks', the
    class that of the second.
    """
    surest = sorted(peaks, key=lambda peak: -peak.score)[:MOST_LOOKS]
    seen = [_confirm(photo, peak, answer) for peak in surest]
    return drop_repeats([peak for peak in seen if peak is not None and peak.score >= threshold])


def close_view(photo: Photo, corners: Quads) -> Near:
    """The square around a quad, at SIZE pixels."""
    width, height = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])
    side = max(float(max(width, height)) * PLATES_ACROSS, SIZE / LARGEST_SCALE)
    scale = SIZE / side
    origin = corners.mean(axis=0).astype(float) - side / 2
    low = np.clip(np.floor(origin).astype(int), 0, photo.shape[1::-1])
    high = np.clip(np.ceil(origin + side).astype(int), 0, photo.shape[1::-1])
    part = photo[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return Near(np.full((SIZE, SIZE, 3), PADDING, np.uint8), scale, origin)
    return Near(_resampled(part, (low - origin) * scale, scale), scale, origin)


def _resampled(part: Photo, corner: npt.NDArray[np.float64], scale: float) -> Photo:
    """`part` at `scale` with its top left at `corner` of a square view, to fractions of a pixel."""
    size = np.array(part.shape[1::-1])
    if scale < 0.8:  # by area first, or fine stripes would become coarse ones
        shrunk = np.maximum(np.round(size * scale).astype(int), 1)
        small = cv2.resize(part, shrunk.tolist(), interpolation=cv2.INTER_AREA)
        part = np.asarray(small, np.uint8)
    stretch = size * scale / part.shape[1::-1]
    move = corner + 0.5 * stretch - 0.5
    matrix = np.array([[stretch[0], 0, move[0]], [0, stretch[1], move[1]]])
    view = cv2.warpAffine(part, matrix, (SIZE, SIZE), borderValue=PADDING)
    return np.asarray(view, np.uint8)


def _confirm(photo: Photo, first: Peak, answer: Callable[[Photo], Answers]) -> Peak | None:
    near = close_view(photo, first.corners)
    for second in find_peaks(answer(near.pixels), DOUBT):
        corners = near.to_photo(second.corners)
        if overlap(corners, first.corners) >= LEAST_OVERLAP:
            score = float(np.sqrt(first.score * second.score))
            middle = ((corners + first.corners) / 2).astype(np.float32)
            return Peak(middle, score, second.label)
    return None
