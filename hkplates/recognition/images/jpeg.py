"""Parses JPEG headers, and decodes JPEG with libjpeg-turbo.

Archives are made of JPEG. libjpeg-turbo is faster than OpenCV or Pillow with the same pixels, and
silent about damage. The header bounds the cost of decoding: a picture of many scans is kept whole
as coefficients, and libjpeg-turbo passes over it once for each scan, however few bytes that has.

Source: ITU-T T.81 for the markers, Adobe's technical note 5116 for CMYK.
"""

import re
from dataclasses import dataclass

import numpy as np
import simplejpeg

from hkplates.errors import ImageTooLarge, ImageTruncated, ImageUndecodable, ImageUnsupported
from hkplates.recognition.types import Photo

MAX_SEGMENTS = 5000
"""Segments of a header; each holds up to 64 KB, and cameras write some ten."""

MAX_SCANS = 100
"""Scans of one picture. Progressive files have some ten; libjpeg-turbo's fuzzers stop at 500."""

MAX_DECODED_PIXELS = 1_800_000_000
"""Pixels of the picture times its scans: 15 scans of 120 megapixels."""

# Arithmetic codes decode ten times as slowly as Huffman's, and go on when the data has ended.
_ARITHMETIC_COST = 10

_MARKER = re.compile(rb"\xff[^\xff\x00]")  # 0xFF may be repeated before a marker
_SCAN = b"\xff\xda"
# In a scan's data 0xFF is followed by 0, or by one of the eight restart markers.
_IN_PICTURE = re.compile(rb"\xff[^\xff\x00\x01\xd0-\xd7]")
_STANDALONE = frozenset([0x01, *range(0xD0, 0xD9)])  # markers without a segment
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SUPPORTED_FRAMES = frozenset([0xC0, 0xC1, 0xC2, 0xC9, 0xCA])
_PROGRESSIVE = frozenset([0xC2, 0xCA])
_ARITHMETIC_FRAMES = frozenset([0xC9, 0xCA])


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a JPEG: the segments before its first scan.

    `exif` is the first block of EXIF without its leader, or empty. `adobe` is True if Adobe's
    marker is there: CMYK is then stored inverted. `buffers_coefficients` is True if the decoder
    must hold the whole picture as coefficients, two bytes each.
    """

    width: int
    height: int
    channels: int
    buffers_coefficients: bool
    adobe: bool
    exif: bytes


def read_header(data: bytes) -> Header:
    """Parses the segments up to the picture's first scan.

    Raises:
        ImageTruncated: the file ends within its header.
        ImageUndecodable: it is damaged, or has more segments or scans than any picture needs.
        ImageUnsupported: a kind of JPEG that is not read: lossless, hierarchical, 12 bits.
    """
    frame, exif, adobe, place = b"", b"", False, 2
    for _ in range(MAX_SEGMENTS):
        marker, place = _next_marker(data, place)
        if marker in _STANDALONE:
            continue
        segment, place = _segment(data, place)
        if marker in _FRAMES and not frame:
            frame = bytes([marker]) + segment
        elif marker == 0xE1 and segment.startswith(b"Exif\0") and not exif:
            exif = segment[6:]
        elif marker == 0xEE and segment.startswith(b"Adobe"):
            adobe = True
        elif marker == 0xDA:
            return _header(frame, segment, data, place, adobe=adobe, exif=exif)
    raise ImageUndecodable(f"a JPEG whose header has more than {MAX_SEGMENTS} segments")


def _next_marker(data: bytes, place: int) -> tuple[int, int]:
    found = _MARKER.search(data, place)
    if found is None:
        raise ImageTruncated(f"a JPEG file of {len(data)} bytes without a whole header")
    marker = data[found.end() - 1]
    if marker == 0xD9:
        raise ImageUndecodable("a JPEG file without a picture: it ends with its header")
    return marker, found.end()


def _segment(data: bytes, place: int) -> tuple[bytes, int]:
    size = int.from_bytes(data[place : place + 2])
    if place + max(size, 2) > len(data):
        raise ImageTruncated(f"a JPEG file of {len(data)} bytes without a whole header")
    if size < 2:
        raise ImageUndecodable("the JPEG header is damaged: a segment shorter than its own length")
    return data[place + 2 : place + size], place + size


def _header(
    frame: bytes, scan: bytes, data: bytes, place: int, *, adobe: bool, exif: bytes
) -> Header:
    if len(frame) < 7 or not scan:
        raise ImageUndecodable("the JPEG header is damaged: it does not say how large it is")
    kind, bits, channels = frame[0], frame[1], frame[6]
    if kind not in _SUPPORTED_FRAMES or bits != 8:
        raise ImageUnsupported(
            f"a JPEG of a kind that is not read (frame {kind:02X}, {bits} bits); save it as "
            "baseline or progressive JPEG of 8 bits to have it read"
        )
    height, width = int.from_bytes(frame[2:4]), int.from_bytes(frame[4:6])
    pixel_cost = max(1, width * height) * (_ARITHMETIC_COST if kind in _ARITHMETIC_FRAMES else 1)
    _check_scan_count(data, place, min(MAX_SCANS, max(1, MAX_DECODED_PIXELS // pixel_cost)))
    # A first scan of some channels only: the others' coefficients come later.
    buffers_coefficients = kind in _PROGRESSIVE or scan[0] < channels
    return Header(width, height, channels, buffers_coefficients, adobe, exif)


def _check_scan_count(data: bytes, place: int, most: int) -> None:
    """Refuses a picture of more than `most` scans, each of which costs a pass over all pixels.

    Raises:
        ImageUndecodable: it has more.
    """
    if data.count(_SCAN, place) < most:
        return  # nearly always; the search below is slower, and exact
    scans = 1
    while (found := _IN_PICTURE.search(data, place)) is not None:
        marker = data[found.end() - 1]
        if marker == 0xD9:
            return  # the picture ends here; another one, or a phone's film, may follow
        scans += marker == 0xDA
        if scans > most:
            raise ImageUndecodable(
                f"a JPEG of more than {most} scans, too many for its size; no camera writes that"
            )
        size = int.from_bytes(data[found.end() : found.end() + 2])
        place = found.end() + max(size, 2)


def decode(data: bytes, header: Header) -> Photo:
    """Decodes the picture as it is stored, to (height, width, 3) uint8 RGB.

    Raises:
        ImageTruncated, ImageUndecodable: the picture ends too early, or is damaged throughout.
        MemoryError: there is not enough memory; no fault of the picture.
    """
    space = "CMYK" if header.channels == 4 else "RGB"
    pixels = _decode_tolerantly(data, space)
    return pixels if space == "RGB" else _from_cmyk(pixels, inverted=header.adobe)


def _decode_tolerantly(data: bytes, space: str) -> Photo:
    try:
        return _turbo(data, space, strict=True)
    except ValueError as error:
        damage = str(error)
    if "Premature end of JPEG" in damage:
        # Some cameras leave out the end marker: with it, a complete picture decodes.
        data += b"\xff\xd9"
        try:
            return _turbo(data, space, strict=True)
        except ValueError as error:
            damage = str(error)
    if "premature end" in damage.lower():
        raise ImageTruncated(f"the JPEG data ends before the picture does ({damage})")
    try:
        # A few blocks are damaged; the rest may hold plates.
        return _turbo(data, space, strict=False)
    except ValueError as error:
        raise ImageUndecodable(f"the JPEG data is damaged: {error}") from None


def _turbo(data: bytes, space: str, *, strict: bool) -> Photo:
    try:
        pixels: Photo = simplejpeg.decode_jpeg(data, space, strict=strict)
    except ValueError as error:
        if "memory" in str(error).lower():
            raise MemoryError(str(error)) from None
        if "Maximum supported" in str(error):
            raise ImageTooLarge(f"a JPEG wider or higher than can be decoded: {error}") from None
        raise
    return pixels


def _from_cmyk(inks: Photo, *, inverted: bool) -> Photo:
    """Converts CMYK to RGB, 64 rows at a time: red is what cyan and black leave, and so on."""
    rgb = np.empty((*inks.shape[:2], 3), np.uint8)
    for top in range(0, len(inks), 64):
        band = inks[top : top + 64] if inverted else 255 - inks[top : top + 64]
        # A product of two bytes needs 16 bits; half of 255 is added to round to the nearest.
        light = band.astype(np.uint16)
        rgb[top : top + 64] = (light[:, :, :3] * light[:, :, 3:] + 127) // 255
    return rgb
