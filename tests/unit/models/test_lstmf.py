"""Writes lines as Tesseract's trainer reads them."""

import struct

import cv2
import numpy as np

from models.tesseract.lstmf import Page, write_pages


def test_a_file_is_what_tesseract_itself_writes(tmp_path):
    """Laid out as `tesseract line.png line --psm 13 lstm.train` of 5.3 lays out a line."""
    line = np.full((36, 90), 255, np.uint8)
    line[8:28, 20:24] = 0
    assert write_pages(tmp_path / "lines.lstmf", [Page(line, "1T")]) == 1
    data = (tmp_path / "lines.lstmf").read_bytes()
    pages, there, name, number, length = struct.unpack_from("<IBIiI", data)
    assert (pages, there, name, number) == (1, 1, 0, 0)
    picture = data[17 : 17 + length]
    assert np.array_equal(cv2.imdecode(np.frombuffer(picture, np.uint8), -1), line)
    rest = data[17 + length :]
    assert rest == (
        struct.pack("<I", 0)  # language
        + struct.pack("<I", 2)
        + b"1T"
        + struct.pack("<I4h", 1, 0, 0, 90, 36)  # one box: left, bottom, right, top
        + struct.pack("<II", 1, 2)
        + b"1T"
        + b"\0"  # not vertical
    )


def test_pages_follow_each_other(tmp_path):
    line = np.zeros((36, 40), np.uint8)
    assert write_pages(tmp_path / "two", [Page(line, "A"), Page(line, "B")]) == 2
    assert write_pages(tmp_path / "one", [Page(line, "A")]) == 1
    two, one = (tmp_path / "two").read_bytes(), (tmp_path / "one").read_bytes()
    assert two.startswith(struct.pack("<I", 2) + one[4:])
