"""Writes lines of text as the files that Tesseract's trainer reads (.lstmf), without Tesseract.

A file is the number of its pages and, for each page, what src/ccstruct/imagedata.cpp of Tesseract
5 serializes: file name, page number, picture (PNG), language, text, boxes, their texts, and whether
the text runs downwards. Numbers are little endian; strings and lists begin with their length.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A line image, (height, width) uint8, black on white, and its text."""

    pixels: np.ndarray
    text: str


def write_pages(path: Path, pages: Iterable[Page]) -> int:
    """Writes one training file and returns the number of its pages."""
    packed = [_pack_page(page) for page in pages]
    path.write_bytes(struct.pack("<I", len(packed)) + b"".join(packed))
    return len(packed)


def _pack_page(page: Page) -> bytes:
    height, width = page.pixels.shape
    _, picture = cv2.imencode(".png", page.pixels)
    return b"".join(
        (
            b"\1",  # there is a page
            _pack_string(b""),
            struct.pack("<i", 0),
            _pack_string(picture.tobytes()),
            _pack_string(b""),
            _pack_string(page.text.encode()),
            struct.pack("<I4h", 1, 0, 0, width, height),
            struct.pack("<I", 1) + _pack_string(page.text.encode()),
            b"\0",
        )
    )


def _pack_string(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data
