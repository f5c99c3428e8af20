"""Decodes the bytes of an image file to upright RGB pixels and the time it was taken.

The header is read first, so that a hostile or huge file costs nothing. jpeg.py parses and decodes
JPEG. Headers of the other formats are checked in cost_limits.py, then by Pillow, which decodes
them: it knows palettes, 16 bits and the many kinds of TIFF.
"""

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from hkplates.errors import ImageEmpty, ImageTruncated, ImageUndecodable, ImageUnsupported
from hkplates.recognition.images import cost_limits, exif, jpeg
from hkplates.recognition.images.formats import FORMATS, format_name, unsupported_name
from hkplates.recognition.types import Photo

# Loads all formats now: one that fails to load for want of memory is lost to the process.
Image.init()

# Exceptions that damaged files make Pillow raise.
_PILLOW_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError),
    *(struct.error, OverflowError, NotImplementedError, AttributeError, ZeroDivisionError),
)

# Share of the pixel limit where libjpeg-turbo keeps the coefficients of four inks in memory.
_CMYK_PIXEL_SHARE = 0.75

# The same where a decoder holds more than four bytes a pixel, beside Pillow's four.
_DEEP_PIXEL_SHARE = 0.75

# Bytes a pixel that libwebp allocates to open a picture, and to load it then.
_WEBP_OPEN_BYTES, _WEBP_LOAD_BYTES = 16, 8

_BAND = 256  # rows converted to RGB at a time: a whole second picture would double the memory

# `warnings.catch_warnings` changes the whole process, so that two threads may not overlap in it.
_warnings_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """A decoded file: upright RGB pixels, and the time it was taken, None where EXIF has none."""

    pixels: Photo
    taken_at: datetime | None


def decode(data: bytes, *, max_pixels: int) -> Photograph:
    """Decodes JPEG, PNG, WebP, TIFF or BMP to upright (height, width, 3) uint8 RGB.

    EXIF's Orientation is applied.

    `taken_at` is EXIF's DateTimeOriginal and carries a time zone: EXIF's own offset, else Hong
    Kong time. Of a file with several pictures the first is taken; transparency is dropped; of
    16 bits the upper 8 are kept.

    Raises:
        ImageEmpty, ImageUnsupported, ImageUndecodable: no bytes; another known format; neither.
        ImageTooLarge: more than `max_pixels` by the header; raised before anything is decoded.
        ImageTruncated: the file ends before its picture does.
        MemoryError: this process may not take as much memory as it needs.
    """
    if not data:
        raise ImageEmpty("the file has no bytes")
    name = _require_format(data)
    if name == "JPEG":
        header = jpeg.read_header(data)
        share = _CMYK_PIXEL_SHARE if header.buffers_coefficients and header.channels == 4 else 1.0
        cost_limits.check_pixel_limit(
            header.width, header.height, max_pixels=max_pixels, share=share
        )
        pixels, tags = jpeg.decode(data, header), exif.read_tags(header.exif)
    else:
        cost_limits.check_decode_cost(data, name, max_pixels=max_pixels)
        with _pillow():
            pixels, tags = _decode_with_pillow(data, max_pixels)
    # Pillow applies a TIFF's orientation itself while it loads.
    orientation = 1 if name == "TIFF" else exif.orientation(tags)
    return Photograph(_apply_orientation(pixels, orientation), exif.taken_at(tags))


def _require_format(data: bytes) -> str:
    unsupported = unsupported_name(data)
    if unsupported:
        raise ImageUnsupported(
            f"{unsupported}; convert it to JPEG, PNG, WebP, TIFF or BMP to have it read"
        )
    name = format_name(data)
    if name not in FORMATS:
        raise ImageUndecodable(f"not an image but {name}")
    return name


@contextmanager
def _pillow() -> Iterator[None]:
    """Silences Pillow's warnings and lifts its pixel limit, which `check_pixel_limit` replaces."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _decode_with_pillow(data: bytes, max_pixels: int) -> tuple[Photo, exif.Tags]:
    picture = _open(data)
    cost_limits.check_pixel_limit(*picture.size, max_pixels=max_pixels, share=_pixel_share(picture))
    try:
        picture.load()
        tags = exif.read_tags(data if picture.format == "TIFF" else _exif_block(picture))
        return _as_rgb(picture), tags
    except _PILLOW_ERRORS as error:
        damage = str(error)
    # Pillow raises the same errors for all of these: only the message tells them apart.
    if "memory" in damage.lower():
        raise MemoryError(f"not enough memory for the {picture.format} picture")
    if picture.format == "WEBP":
        _require_memory(picture.size, _WEBP_LOAD_BYTES)
    if "truncated" in damage.lower() or "not enough" in damage.lower():
        raise ImageTruncated(f"the {picture.format} data ends before the picture does")
    raise ImageUndecodable(f"the {picture.format} data is damaged: {damage:.200}")


def _pixel_share(picture: Image.Image) -> float:
    """Returns the picture's share of the pixel limit: less where a strip may be twice as large."""
    # 258 is BitsPerSample, one number for each channel.
    bits = picture.tag_v2.get(258, (8,)) if isinstance(picture, TiffImageFile) else (8,)
    return _DEEP_PIXEL_SHARE if isinstance(bits, tuple) and sum(bits) > 32 else 1.0


def _open(data: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except _PILLOW_ERRORS:
        pass  # the exception's frames are freed before `_unreadable` asks for memory
    else:
        _refuse_raw(picture)
        return picture
    raise _unreadable(data)


def _unreadable(data: bytes) -> ImageTruncated | ImageUndecodable:
    name = format_name(data)
    if cost_limits.is_truncated(data, name):
        return ImageTruncated(f"a {name} file of {len(data)} bytes without a whole header")
    if name == "WEBP":
        _require_memory(cost_limits.webp_size(data) or (0, 0), _WEBP_OPEN_BYTES)
    return ImageUndecodable(f"a {name} file whose header is damaged, or of a kind that is not read")


def _require_memory(size: tuple[int, int], bytes_a_pixel: int) -> None:
    """Checks that libwebp can have failed only by damage: it reports want of memory as the same.

    Raises:
        MemoryError: this process may not allocate that much, which may be why libwebp failed.
    """
    np.empty(size[0] * size[1] * bytes_a_pixel, np.uint8)


def _refuse_raw(picture: Image.Image) -> None:
    """Refuses cameras' raw files: most are TIFF whose first picture is a thumbnail, too small.

    Raises:
        ImageUnsupported: it is one.
    """
    tags = picture.tag_v2 if isinstance(picture, TiffImageFile) else {}
    reduced = tags.get(254, 0)  # NewSubfileType; its lowest bit marks a smaller version
    if 50706 in tags or (isinstance(reduced, int) and reduced & 1):  # 50706 is DNGVersion
        raise ImageUnsupported("a camera's raw picture; convert it to JPEG to have it read")


def _exif_block(picture: Image.Image) -> bytes:
    block = picture.info.get("exif")
    if isinstance(block, bytes):
        return block
    # Older ImageMagick writes it into PNG as text: name, length, then the bytes in hexadecimal.
    text = picture.info.get("Raw profile type exif")
    try:
        return bytes.fromhex("".join(text.split()[2:])) if isinstance(text, str) else b""
    except ValueError:
        return b""


def _as_rgb(picture: Image.Image) -> Photo:
    if picture.mode in ("I", "F", "LAB"):
        raise ImageUnsupported(f"{picture.format} with pixels of mode {picture.mode}")
    width, height = picture.size
    rgb = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _BAND):
        band = picture.crop((0, top, width, min(top + _BAND, height)))
        rgb[top : top + _BAND] = _band_as_rgb(band)
    return rgb


def _band_as_rgb(band: Image.Image) -> Photo:
    if band.mode.startswith("I;16"):
        # Pillow's own conversion clips 16 bits at 255 where the upper 8 are wanted.
        gray = (np.asarray(band) >> 8).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    return np.asarray(band.convert("RGB"))


def _apply_orientation(pixels: Photo, orientation: int) -> Photo:
    """Makes stored pixels upright; `orientation` is EXIF's, 1 to 8."""
    upright: npt.NDArray[np.uint8] = pixels
    if orientation in (5, 6, 7, 8):
        upright = upright.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        upright = upright[:, ::-1]
    if orientation in (3, 4, 7, 8):
        upright = upright[::-1]
    return np.ascontiguousarray(upright)
