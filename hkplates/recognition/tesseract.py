"""Tesseract as a reader: many plates in one process call.

Starting the program and loading its model costs 80 ms, a plate some 10 ms: so the lines of all
plates go through one call, named in a list file.
"""

import html
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import cv2
import pytesseract
from pytesseract import pytesseract as engine

from hkplates.errors import ReaderFailed, TesseractMissing
from hkplates.recognition import marks
from hkplates.recognition.rows import Line, lines
from hkplates.recognition.types import Candidate, Crop, TextReading

# I and O are allowed: under a whitelist without them NARITA loses its I instead of gaining a 1.
_WHITELIST = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_CONFIG = (
    "--psm 7"  # each image is one line
    f" -c tessedit_char_whitelist={_WHITELIST}"
    " -c hocr_char_boxes=1"  # a confidence and a place for each character
)

SURE = 0.9
"""From this confidence on a character is believed, whatever the usual series would want."""

_TOKENS = re.compile(
    r"ppageno (?P<page>\d+)"
    r"|class='(?P<word>ocrx_word)'"
    r"|x_bboxes (?P<left>\d+) \d+ (?P<right>\d+) \d+; x_conf (?P<confidence>[\d.]+)'>"
    r"(?P<character>[^<]+)<"
)

_INSTALL = (
    "install it (Debian and Ubuntu: apt-get install tesseract-ocr; macOS: brew install tesseract)"
)


UNREAD = TextReading("", 0.0, (), 1)
"""What is said of a crop in which no text was found."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A character: its confidence (0 to 1), its middle's x, and whether a blank stands before."""

    character: str
    confidence: float
    middle: float
    after_blank: bool


class TesseractReader:
    """Reads plates with the `tesseract` program, version 4.1 or later, and its English data."""

    name = "tesseract"

    def __init__(self, *, seconds: float = 60.0) -> None:
        """`seconds` is how long one call of the program may take before it is stopped.

        Raises:
            TesseractMissing: the program is not on PATH.
        """
        if which(engine.tesseract_cmd) is None:
            raise TesseractMissing(f"the tesseract program is not on PATH; {_INSTALL}")
        self._seconds = seconds

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """One reading for each crop, in order; all of them in one process call.

        Raises:
            TesseractMissing: the program or its English data is gone.
            ReaderFailed: the program crashed, or did not finish in time.
        """
        ways = [(number, line) for number, crop in enumerate(crops) for line in lines(crop)]
        pages = self._pages([line for _, line in ways])
        readings: list[list[TextReading]] = [[] for _ in crops]
        for (number, line), page in zip(ways, pages, strict=True):
            readings[number].append(_reading(line, page))
        return [max(found, key=_worth, default=UNREAD) for found in readings]

    def _pages(self, found: Sequence[Line]) -> list[list[_Seen]]:
        """What Tesseract saw in each line."""
        if not found:
            return []
        with tempfile.TemporaryDirectory(prefix="hkplates-") as folder:
            names = [f"{folder}/{number}.png" for number in range(len(found))]
            for name, line in zip(names, found, strict=True):
                Path(name).write_bytes(cv2.imencode(".png", line.pixels)[1].tobytes())
            listing = Path(folder) / "lines.txt"
            listing.write_text("\n".join(names) + "\n", encoding="utf-8")
            return _parse(self._run(str(listing)), len(found))

    def _run(self, listing: str) -> str:
        """One call of the program; its hOCR."""
        # What pytesseract gives the processes it starts. More threads than one only wait for each
        # other on pictures this small: 33-42 ms a plate instead of 6-10.
        engine.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        try:
            output = engine.run_and_get_output(
                listing, extension="hocr", lang="eng", config=_CONFIG, timeout=self._seconds
            )
        except pytesseract.TesseractNotFoundError:
            raise TesseractMissing(f"the tesseract program is not on PATH; {_INSTALL}") from None
        except pytesseract.TesseractError as error:
            if "eng.traineddata" in error.message:
                raise TesseractMissing(f"Tesseract's English data is missing; {_INSTALL}") from None
            raise ReaderFailed(
                f"tesseract stopped with status {error.status}: {error.message:.200}"
            ) from None
        except RuntimeError:  # pytesseract's word for a timeout
            raise ReaderFailed(
                f"tesseract did not finish within {self._seconds:g} seconds and was stopped"
            ) from None
        return str(output)


def _parse(hocr: str, count: int) -> list[list[_Seen]]:
    """The characters of each page; a page without text is empty."""
    pages: list[list[_Seen]] = [[] for _ in range(count)]
    page: list[_Seen] = []
    after_blank = False
    for token in _TOKENS.finditer(hocr):
        if token["page"]:
            page = pages[int(token["page"])]
        elif token["word"]:
            after_blank = bool(page)
        else:
            middle = (int(token["left"]) + int(token["right"])) / 2
            confidence = min(1.0, float(token["confidence"]) / 100)
            page.append(_Seen(html.unescape(token["character"]), confidence, middle, after_blank))
            after_blank = False
    return pages


def _reading(line: Line, page: Sequence[_Seen]) -> TextReading:
    """The text as printed, mended where like shapes were mixed up in a usual mark."""
    if not page:
        return TextReading("", 0.0, (), line.rows)
    read = _text(line, page, [seen.character for seen in page])
    confidences = [seen.confidence for seen in page]
    mended, candidates = read, [Candidate(read, _mean(confidences))]
    spelling = _mend([seen.character for seen in page], confidences)
    if spelling:
        mended = _text(line, page, spelling)
        # Half at most: the shape said one thing and the grammar another.
        candidates.insert(0, Candidate(mended, _mean(confidences) / 2))
    return TextReading(
        mended, candidates[0].confidence, tuple(confidences), line.rows, tuple(candidates)
    )


def _mend(read: Sequence[str], confidences: Sequence[float]) -> list[str] | None:
    """The usual mark instead of what was read, if each exchanged character was unsure."""
    mark = marks.canonical("".join(read))
    spelling = marks.usual_spelling(mark)
    if spelling is None or len(mark) != len(read):
        return None
    places = marks.changed_places(mark, spelling)
    if any(confidences[place] >= SURE for place in places):
        return None
    return [spelling[place] if place in places else read[place] for place in range(len(read))]


def _text(line: Line, page: Sequence[_Seen], characters: Sequence[str]) -> str:
    """Characters with blanks where a word or the second row begins."""
    text = ""
    row = 1
    for seen, character in zip(page, characters, strict=True):
        next_row = row == 1 and line.second_row is not None and seen.middle > line.second_row
        row = 2 if next_row else row
        text += (" " if text and (seen.after_blank or next_row) else "") + character
    return text


def _worth(reading: TextReading) -> float:
    """Which way of seeing a plate to believe: the surer, the more like a mark, two rows on a tie.

    The weights were chosen on the training plates, where they pick the right rows 134 times of 144.
    """
    if not reading.text:
        return -1.0
    mark = marks.canonical(reading.text)
    like_a_mark = 0.2 if marks.series(mark) not in ("personalised", "unknown") else 0.0
    no_mark = 0.0 if marks.is_mark(mark) else 0.4
    return _mean(reading.character_confidences) + like_a_mark - no_mark + 0.2 * (reading.rows - 1)


def _mean(confidences: Sequence[float]) -> float:
    return sum(confidences) / len(confidences)
