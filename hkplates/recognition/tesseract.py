"""Tesseract as a reader: many plates in one process call.

Starting the program and loading its model costs 80 ms, a plate some 10 ms: so the lines of all
plates go through one call, named in a list file.
"""

import html
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import which

import cv2
import pytesseract
from pytesseract import pytesseract as engine

from hkplates.errors import ReaderFailed, TesseractMissing
from hkplates.recognition import marks
from hkplates.recognition.rows import View, views
from hkplates.recognition.types import Candidate, Crop, TextReading

# I and O are allowed: under a whitelist without them NARITA loses its I instead of gaining a 1.
_WHITELIST = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_CONFIG = (
    "--psm 7"  # each image is one line
    f" -c tessedit_char_whitelist={_WHITELIST}"
    " -c hocr_char_boxes=1"  # a confidence and a place for each character
)

LANGUAGE = "hkplates"
NO_ROW = "-"
"""What the network says of a line that is no row of a plate."""

SURE = 0.9
"""From this confidence on a character is believed, whatever the usual series would want."""

BLANK = 0.4 * 36
"""A gap wider than this, in pixels of the line, is a blank."""

_TOKENS = re.compile(
    r"ppageno (?P<page>\d+)"
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
    """A character, its confidence (0 to 1), and its left and right edge in the line."""

    character: str
    confidence: float
    left: int
    right: int


class TesseractReader:
    """Reads plates with the `tesseract` program, version 4.1 or later, and its English data.

    Plates with light characters on dark paper (mainland, Macau) are not read: what comes back for
    them means nothing.
    """

    name = "tesseract"

    def __init__(self, *, seconds: float = 60.0) -> None:
        """`seconds` is how long one call of the program may take before it is stopped.

        Raises:
            TesseractMissing: the program is not on PATH.
        """
        if which(engine.tesseract_cmd) is None:
            raise TesseractMissing(f"the tesseract program is not on PATH; {_INSTALL}")
        self._seconds = seconds
        self.version = f"tesseract {_program_version(seconds)}"

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

    def _pages(self, found: Sequence[View]) -> list[list[_Seen]]:
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


def _program_version(seconds: float) -> str:
    """The program's own, "5.3.0"."""
    try:
        told = subprocess.run(
            [engine.tesseract_cmd, "--version"], capture_output=True, check=True, timeout=seconds
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise TesseractMissing(
            f"the tesseract program does not start ({error}); {_INSTALL}"
        ) from None
    return told.decode("utf-8", "replace").partition("\n")[0].removeprefix("tesseract ").strip()


def _parse(hocr: str, count: int) -> list[list[_Seen]]:
    """The characters of each page; a page without text is empty."""
    pages: list[list[_Seen]] = [[] for _ in range(count)]
    page: list[_Seen] = []
    for token in _TOKENS.finditer(hocr):
        if token["page"]:
            page = pages[int(token["page"])]
        else:
            confidence = min(1.0, float(token["confidence"]) / 100)
            edges = int(token["left"]), int(token["right"])
            page.append(_Seen(html.unescape(token["character"]), confidence, *edges))
    return pages


def _reading(line: View, page: Sequence[_Seen]) -> TextReading:
    """The text as printed, mended where like shapes were mixed up in a usual mark."""
    if not page:
        return TextReading("", 0.0, (), line.rows)
    blanks = _blanks(line, page)
    confidences = _confidences(page, blanks)
    read = _as_printed([seen.character for seen in page])
    candidates = [Candidate(_text(read, blanks), _surety(confidences))]
    spelling = _mend(read, confidences, blanks)
    if spelling:
        # Half at most: the shapes said one thing and the grammar another.
        candidates.insert(0, Candidate(_text(spelling, blanks), _surety(confidences) / 2))
    best = candidates[0]
    return TextReading(best.text, best.confidence, tuple(confidences), line.rows, tuple(candidates))


def _as_printed(read: Sequence[str]) -> list[str]:
    """In every series but the personalised one, what looks like I or O is a digit."""
    mark = marks.canonical("".join(read))
    own_letters = marks.series(mark) in ("personalised", "unknown") or len(mark) != len(read)
    return list(read) if own_letters else list(mark)


def _blanks(line: View, page: Sequence[_Seen]) -> list[bool]:
    """Whether a blank, or the change of rows, stands before each character."""
    split = line.second_row
    return [False] + [
        seen.left - before.right > BLANK
        or (split is not None and before.left + before.right < 2 * split <= seen.left + seen.right)
        for before, seen in pairwise(page)
    ]


def _confidences(page: Sequence[_Seen], blanks: Sequence[bool]) -> list[float]:
    """Tesseract's, but after a blank the mean of the others.

    There it weighs "a blank" against "no blank", and the number says nothing of the character: on
    the training plates the lowest number of a mark then orders right and wrong at chance.
    """
    told = [seen.confidence for seen, blank in zip(page, blanks, strict=True) if not blank]
    mean = sum(told) / len(told)
    return [mean if blank else seen.confidence for seen, blank in zip(page, blanks, strict=True)]


def _surety(confidences: Sequence[float]) -> float:
    """How likely the whole mark is right: its least sure character's confidence, to the tenth.

    Tesseract's numbers lie between 0.9 and 1: of training plates with a least one of 0.99, 93%
    were right, of 0.965 80%, of 0.92 a half; the tenth power follows that.
    """
    return float(min(confidences) ** 10)


def _mend(
    read: Sequence[str], confidences: Sequence[float], blanks: Sequence[bool]
) -> list[str] | None:
    """The usual mark instead of what was read, if each exchanged character was unsure."""
    mark = marks.canonical("".join(read))
    spelling = marks.usual_spelling(mark)
    if spelling is None or len(mark) != len(read):
        return None
    places = marks.changed_places(mark, spelling)
    if any(confidences[place] >= SURE and not blanks[place] for place in places):
        return None
    return [spelling[place] if place in places else read[place] for place in range(len(read))]


def _text(characters: Sequence[str], blanks: Sequence[bool]) -> str:
    pairs = zip(characters, blanks, strict=True)
    return "".join(" " + character if blank else character for character, blank in pairs)


def _worth(reading: TextReading) -> float:
    """Which way of seeing a plate to believe: the surer, the more like a mark, two rows on a tie.

    The weights were chosen on the training plates, where they pick the right rows 134 times of 144.
    """
    if not reading.text:
        return -1.0
    mark = marks.canonical(reading.text)
    like_a_mark = 0.2 if marks.series(mark) not in ("personalised", "unknown") else 0.0
    no_mark = 0.0 if marks.is_mark(mark) else 0.4
    mean = sum(reading.character_confidences) / len(reading.character_confidences)
    return mean + like_a_mark - no_mark + 0.2 * (reading.rows - 1)
