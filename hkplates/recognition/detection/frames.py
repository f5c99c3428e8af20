"""Cuts a photograph into frames for the network: an image pyramid, tiled where it is large.

The network knows plates of some 20 to 225 pixels' width. A photograph is shown whole in one frame
and once more at a third of that size, so that a plate of any width up to the picture's own is in
that range in one of the two. A very large photograph would lose its small plates in one frame: it
is cut into overlapping tiles at two thirds of its size, at a third of that, and so on until it
fits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.recognition.images.warp import PADDING, downsample_by_halves, letterbox
from hkplates.recognition.types import Photo

Size = tuple[int, int]
"""Height and width in pixels."""

Vector = npt.NDArray[np.float32]

LEVEL_RATIO = 3
"""Size of a pyramid level over the next one's. The network's range of widths is wider than that."""

COARSE_MARGIN = 8
"""Pixels of padding around the photograph in its coarse frame: a plate may fill all of it."""

COARSE_MULTIPLE = 16  # pixels that the network's two strides divide

LARGE_PHOTO_SIDE = 1800
"""Pixels of the longer side from which the larger inputs are taken.

Larger photographs mostly show more and smaller plates: of 29 on photographs of 2,560 x 1,920 made
of four, the small input finds 22 and the large one 27.
"""

TILED_PIXELS = 4_000_000
"""Pixels of a photograph from which it is cut into tiles."""

TILED_SCALE = 1 / 3
"""Scale of a photograph in its frame below which it is cut into tiles: a panorama."""

MAX_TILED_ASPECT = 100
"""Longer side over the shorter one above which a picture is not cut into tiles.

No camera's picture is that thin, and its tiles would be many and all but empty.
"""

TILE_SCALE = 2 / 3
"""Scale of the finest tiles: a plate 60 pixels wide has 40 in them; of 30, every sixth is lost."""

TILE_OVERLAP = (90, 140)
"""Pixels (y, x) that neighbouring tiles share: wider plates are seen whole at the next level."""

SEAM_MARGIN = 4
"""Pixels of a tile from its seam up to which a plate ends there because the seam cuts it."""

TILE_FIT = 0.7  # scale of a level in one frame from which it is no longer cut into tiles


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A part of the photograph as the network sees it: `pixels` (H, W, 3) uint8 RGB.

    A point of the photograph, (x, y) in its pixels, lies at `scale` * (x, y) + `offset` of the
    frame. `level` counts from the finest. `seams` are left, top, right and bottom in pixels of the
    frame: beyond them the photograph goes on in another tile.
    """

    pixels: Photo
    scale: Vector
    offset: Vector
    level: int
    seams: tuple[float, float, float, float] = (-np.inf, -np.inf, np.inf, np.inf)

    def to_photo(self, corners: Vector) -> Vector:
        """Maps points (n, 2) of the frame to pixels of the photograph."""
        return (corners - self.offset) / self.scale

    def shows_whole(self, corners: Vector) -> bool:
        """Checks that no seam cuts points (n, 2) of the frame off."""
        low, high = corners.min(axis=0), corners.max(axis=0)
        left, top, right, bottom = self.seams
        starts_inside = low[0] > left + SEAM_MARGIN and low[1] > top + SEAM_MARGIN
        ends_inside = high[0] < right - SEAM_MARGIN and high[1] < bottom - SEAM_MARGIN
        return bool(starts_inside and ends_inside)


def cut_frames(
    photo: Photo, inputs: Sequence[Size], large_inputs: Sequence[Size] = ()
) -> Iterator[Frame]:
    """Cuts a photograph (height, width, 3) into frames, the finest level first.

    `inputs` are the sizes of network inputs to choose from, `large_inputs` those for photographs
    whose longer side has more than LARGE_PHOTO_SIDE pixels.
    """
    is_large = bool(large_inputs) and max(photo.shape[:2]) > LARGE_PHOTO_SIDE
    size = best_input(photo, large_inputs if is_large else inputs)
    level = 0
    if _is_tiled(photo, size):
        picture = _shrink(photo, TILE_SCALE)
        size = best_input(photo, inputs)
        while _fit(picture, size) < TILE_FIT:
            yield from _tiles(photo, picture, size, level)
            picture = _shrink(picture, 1 / LEVEL_RATIO)
            level += 1
    else:
        picture = photo
    whole = _whole(photo, picture, size, level)
    yield whole
    yield _coarse(photo, whole, best_input(photo, inputs))


def _is_tiled(photo: Photo, size: Size) -> bool:
    """Checks that one input would lose a photograph's small plates."""
    short, long = sorted(photo.shape[:2])
    if long > MAX_TILED_ASPECT * short:
        return False
    return short * long > TILED_PIXELS or _fit(photo, size) < TILED_SCALE


def best_input(photo: Photo, inputs: Sequence[Size]) -> Size:
    """Chooses the input that shows a photograph largest."""
    return max(inputs, key=lambda size: _fit(photo, size))


def _fit(picture: Photo, size: Size) -> float:
    """Returns the scale at which a picture fits into an input."""
    return float(min(size[0] / picture.shape[0], size[1] / picture.shape[1]))


def _shrink(picture: Photo, scale: float) -> Photo:
    """Shrinks a picture by area, to one pixel at least."""
    halved, factor = downsample_by_halves(picture, scale)
    size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
    if factor * scale == 1 or size == list(halved.shape[1::-1]):
        return halved
    return np.asarray(cv2.resize(halved, size, interpolation=cv2.INTER_AREA), np.uint8)


def _scale(photo: Photo, picture_size: tuple[int, ...]) -> Vector:
    """Returns the scale (x, y) of a picture (height, width) of the photograph."""
    wide, high = picture_size[1] / photo.shape[1], picture_size[0] / photo.shape[0]
    return np.array([wide, high], np.float32)


def _whole(photo: Photo, picture: Photo, size: Size, level: int) -> Frame:
    """Returns the frame of a whole photograph, of which `picture` is a smaller copy."""
    pixels, scale, left, top = letterbox(picture, size[1], size[0])
    return Frame(
        pixels,
        _scale(photo, picture.shape) * np.float32(scale),
        np.array([left, top], np.float32),
        level,
    )


def _coarse(photo: Photo, whole: Frame, size: Size) -> Frame:
    """Returns the last level, a third of the input `size`, from the frame of the whole."""
    left, top = whole.offset.astype(int)
    high, wide = whole.pixels.shape[:2]
    # Without the frame's padding; the photograph lies in the middle.
    inside = whole.pixels[top : high - top, left : wide - left]
    inner = tuple(round(side / LEVEL_RATIO) for side in size)
    scale = _fit(inside, (inner[0], inner[1]))
    small = _shrink(inside, scale)
    frame = [_round_up(side + 2 * COARSE_MARGIN, COARSE_MULTIPLE) for side in inner]
    pixels = np.full((*frame, 3), PADDING, np.uint8)
    y, x = ((side - used) // 2 for side, used in zip(frame, small.shape[:2], strict=True))
    pixels[y : y + small.shape[0], x : x + small.shape[1]] = small
    offset = np.array([x, y], np.float32)
    return Frame(pixels, _scale(photo, small.shape), offset, whole.level + 1)


def _tiles(photo: Photo, picture: Photo, size: Size, level: int) -> Iterator[Frame]:
    """Cuts `picture`, a smaller copy of the photograph, into overlapping frames of one size."""
    scale = _scale(photo, picture.shape)
    rows, columns = (
        _tile_starts(length, side, overlap)
        for length, side, overlap in zip(picture.shape[:2], size, TILE_OVERLAP, strict=True)
    )
    for top in rows:
        for left in columns:
            part = picture[top : top + size[0], left : left + size[1]]
            pixels = np.full((*size, 3), PADDING, np.uint8)
            pixels[: part.shape[0], : part.shape[1]] = part
            seams = (
                0.0 if left > 0 else -np.inf,
                0.0 if top > 0 else -np.inf,
                float(size[1]) if left + size[1] < picture.shape[1] else np.inf,
                float(size[0]) if top + size[0] < picture.shape[0] else np.inf,
            )
            yield Frame(pixels, scale, -np.array([left, top], np.float32), level, seams)


def _tile_starts(length: int, side: int, overlap: int) -> list[int]:
    """Returns where tiles of `side` pixels begin, evenly spread, the last one at the end."""
    if length <= side:
        return [0]
    steps = -(-(length - side) // (side - overlap))
    return [round(step * (length - side) / steps) for step in range(steps + 1)]


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
