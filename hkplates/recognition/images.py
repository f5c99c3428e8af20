"""From the bytes of a file to upright pixels, and from a photograph to a plate seen straight on.

The header is read first, so that a hostile or huge file costs nothing. JPEG, which archives are
made of, is decoded by libjpeg-turbo directly: faster than OpenCV or Pillow with the same pixels,
and silent about damage, where OpenCV writes to standard error. Pillow reads the rest: it knows
CMYK, palettes and 16 bits.
"""

import io
import struct
import threading
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg  # type: ignore[import-untyped, unused-ignore]
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from hkplates.errors import (
    ImageEmpty,
    ImageTooLarge,
    ImageTruncated,
    ImageUndecodable,
    ImageUnsupported,
)
from hkplates.recognition.formats import FORMATS, name_of, unsupported_name
from hkplates.recognition.types import Crop, Photo, Quad

CROP_MARGIN = 0.4
"""What a crop shows around its plate on each side, as a share of the plate's height.

Enough to find the plate's edges again where a detector's corners are off.
"""

TWO_ROWS_ASPECT = 2.6
"""Plates no wider than this many heights are cut out twice as high."""

HONG_KONG = timezone(timedelta(hours=8), "HKT")

# What a damaged file makes Pillow raise.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError),
    *(struct.error, OverflowError, NotImplementedError, AttributeError),
)

# `warnings.catch_warnings` changes the whole process, so that two threads may not overlap in it.
_quiet = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """A decoded file: upright RGB pixels, and when it was taken where EXIF tells."""

    pixels: Photo
    taken_at: datetime | None


def decode(data: bytes, *, max_pixels: int) -> Photograph:
    """Decode JPEG, PNG, WebP, TIFF or BMP to (height, width, 3) uint8 RGB, EXIF turn applied.

    `taken_at` is EXIF's DateTimeOriginal and carries a time zone: EXIF's own offset, else Hong
    Kong time. Of a file with several pictures the first is taken; transparency is dropped; of
    16 bits the upper 8 are kept.

    Raises:
        ImageEmpty, ImageUnsupported, ImageUndecodable: no bytes; another known format; neither.
        ImageTooLarge: more than `max_pixels`; told from the header, before anything is decoded.
        ImageTruncated: the file ends before its picture does.
    """
    if not data:
        raise ImageEmpty("the file has no bytes")
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _open(data)
        _require_size(picture, max_pixels)
        exif = _exif(picture)
        # Pillow turns TIFF itself while it loads.
        turn = 1 if picture.format == "TIFF" else exif.get(0x0112, 1)
        fast = picture.format in ("JPEG", "MPO") and picture.mode in ("L", "RGB")
        slow_pixels = None if fast else _decode_with_pillow(picture)
    pixels = _decode_jpeg(data) if slow_pixels is None else slow_pixels
    return Photograph(_upright(pixels, turn), _taken_at(exif))


def _open(data: bytes) -> Image.Image:
    name = unsupported_name(data)
    if name:
        raise ImageUnsupported(
            f"{name}; convert it to JPEG, PNG, WebP, TIFF or BMP to have it read"
        )
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(str(error)) from None
    except _DAMAGE:
        raise _unreadable(data) from None
    _refuse_raw(picture)
    return picture


def _refuse_raw(picture: Image.Image) -> None:
    """Most cameras' raw files are TIFF whose first picture is a thumbnail: too small to read."""
    tags = picture.tag_v2 if isinstance(picture, TiffImageFile) else {}
    reduced = tags.get(254, 0)  # NewSubfileType; its lowest bit marks a smaller version
    if 50706 in tags or (isinstance(reduced, int) and reduced & 1):  # 50706 is DNGVersion
        raise ImageUnsupported("a camera's raw picture; convert it to JPEG to have it read")


def _unreadable(data: bytes) -> ImageUndecodable | ImageTruncated:
    name = name_of(data)
    if name in FORMATS:
        return ImageTruncated(f"a {name} file of {len(data)} bytes without a whole header")
    return ImageUndecodable(f"not an image but {name}")


def _require_size(picture: Image.Image, max_pixels: int) -> None:
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"{width} x {height} is {width * height} pixels, the limit is {max_pixels}; "
            "raise HKPLATES_MAX_IMAGE_PIXELS or make it smaller"
        )
    if width < 1 or height < 1:
        raise ImageUndecodable(f"the header says {width} x {height} pixels")


def _decode_jpeg(data: bytes) -> Photo:
    try:
        return _turbo(data, strict=True)
    except ValueError as error:
        damage = str(error)
    if "Premature end of JPEG" in damage:
        # Some cameras leave out the last marker: with it, a picture that is whole decodes.
        data += b"\xff\xd9"
        try:
            return _turbo(data, strict=True)
        except ValueError as error:
            damage = str(error)
    if "premature end" in damage.lower():
        raise ImageTruncated(f"the JPEG data ends before the picture does ({damage})")
    try:
        return _turbo(data, strict=False)  # A few blocks are damaged; the rest may hold plates.
    except ValueError as error:
        raise ImageUndecodable(f"the JPEG data is damaged: {error}") from None


def _turbo(data: bytes, *, strict: bool) -> Photo:
    pixels: Photo = simplejpeg.decode_jpeg(data, "RGB", strict=strict)
    return pixels


def _decode_with_pillow(picture: Image.Image) -> Photo:
    try:
        picture.load()
        return _as_rgb(picture)
    except _DAMAGE as error:
        damage = str(error)
    if "truncated" in damage.lower() or "not enough" in damage.lower():
        raise ImageTruncated(f"the {picture.format} data ends before the picture does")
    raise ImageUndecodable(f"the {picture.format} data is damaged: {damage:.200}")


def _as_rgb(picture: Image.Image) -> Photo:
    if picture.mode.startswith("I;16"):
        gray = (np.asarray(picture) >> 8).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if picture.mode in ("I", "F", "LAB"):
        raise ImageUnsupported(f"{picture.format} with pixels of mode {picture.mode}")
    return np.asarray(picture.convert("RGB"))


def _exif(picture: Image.Image) -> dict[int, Any]:
    """Tags of the file and of its Exif part in one; empty where they are damaged."""
    try:
        exif = picture.getexif()
        return {**exif, **exif.get_ifd(0x8769)}
    except _DAMAGE:
        return {}


def _upright(pixels: Photo, turn: object) -> Photo:
    """Undo the camera's turn; `turn` is EXIF's Orientation, 1 to 8."""
    turned: npt.NDArray[np.uint8] = pixels
    if turn in (5, 6, 7, 8):
        turned = turned.transpose(1, 0, 2)
    if turn in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if turn in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)


def _taken_at(exif: dict[int, Any]) -> datetime | None:
    """DateTimeOriginal with OffsetTimeOriginal or OffsetTime (Exif 2.31, tags 0x9003, 0x9011)."""
    try:
        moment = datetime.strptime(_text(exif.get(0x9003)), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None  # absent, or a camera's "0000:00:00 00:00:00"
    try:
        zone = datetime.strptime(_text(exif.get(0x9011) or exif.get(0x9010)), "%z").tzinfo
    except ValueError:
        zone = HONG_KONG
    return moment.replace(tzinfo=zone or UTC)


def _text(value: object) -> str:
    return str(value or "").strip("\0 ")


def letterbox(photo: Photo, width: int, height: int) -> tuple[Photo, float, float, float]:
    """Scale a photograph into width x height without stretching it, gray around.

    Returns:
        The (height, width, 3) uint8 picture, and scale, offset_x, offset_y: a point (x, y) of the
        photograph lies at (x * scale + offset_x, y * scale + offset_y).
    """
    high, wide = photo.shape[:2]
    scale = min(width / wide, height / high)
    inner = max(1, min(width, round(wide * scale))), max(1, min(height, round(high * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    boxed = np.full((height, width, 3), 114, np.uint8)
    boxed[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        photo, inner, interpolation=way
    )
    return boxed, scale, float(left), float(top)


def rectify(photo: Photo, quad: Quad) -> Crop:
    """Cut a plate out as if seen straight on, in its own proportions.

    The plate is made 72 pixels high if it is wide (one row), else 144 (two rows), so that
    characters are some 48 pixels high; CROP_MARGIN of its surroundings is kept on each side.
    Beyond the photograph's edge its last pixels are repeated.
    """
    corners = quad.to_array()
    wide, high = _plate_size(corners)
    margin = round(high * CROP_MARGIN)
    inner = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32) + margin
    # The outer corner of the top left pixel is the origin; OpenCV's is that pixel's middle.
    turn = cv2.getPerspectiveTransform(corners - 0.5, inner - 0.5)
    size = (wide + 2 * margin, high + 2 * margin)
    return np.asarray(
        cv2.warpPerspective(
            photo, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


def _plate_size(corners: npt.NDArray[np.float32]) -> tuple[int, int]:
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    aspect = float((sides[0] + sides[2]) / max(sides[1] + sides[3], 1e-3))
    aspect = min(max(aspect, 0.5), 8.0)  # A plate seen from the side, or no plate at all.
    high = 72 if aspect > TWO_ROWS_ASPECT else 144
    return round(high * aspect), high
