"""Reads plates with the `tesseract` program and a network of our own, many in one process call.

Starting the program and loading its data costs more than reading a plate: so the lines of all
plates go through one call, named in a list file.
"""

import html
import math
import os
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import pytesseract
from pytesseract import pytesseract as engine

from hkplates.errors import BundleInvalid, ReaderFailed, TesseractMissing
from hkplates.recognition.reading.tesseract.bundle import LANGUAGE, open_data
from hkplates.recognition.reading.tesseract.lines import Gray, LineView, line_views
from hkplates.recognition.reading.tesseract.program import INSTALL, SECONDS, program_version
from hkplates.recognition.reading.tesseract.voting import Symbol, ViewReading, vote
from hkplates.recognition.reading.versions import tesseract_version
from hkplates.recognition.types import Crop, TextReading

_CONFIG = (
    "--psm 13"  # each image is one line, taken whole
    " -c hocr_char_boxes=1"  # a confidence for each character
    " -c tessedit_do_invert=0"  # unsure text is not read once more as white on black
    " --tessdata-dir {}"
)

CERTAINTY_SCALE = 35.0
"""Tesseract's x_conf is 100 + CERTAINTY_SCALE * log(probability).

Products of the probabilities recovered so are calibrated on average: of 481 views of plates that it
was not trained on 68% were read exactly, and the mean product was 0.69.
"""

_TOKENS = re.compile(r"ppageno (?P<page>\d+)|x_conf (?P<confidence>[\d.]+)'>(?P<character>[^<]+)<")


class TesseractReader:
    """Reads plates with the `tesseract` program, version 5; see models/tesseract/CARD.md.

    Plates with light characters on dark paper (mainland, Macau) are not read: readings of them mean
    nothing.
    """

    name = "tesseract"

    def __init__(self, folder: Path, *, seconds: float = SECONDS) -> None:
        """Opens Tesseract's data in `folder`; one call of the program may take `seconds`.

        Raises:
            TesseractMissing: the program is not on PATH.
            BundleInvalid: the folder is incomplete or altered.
        """
        self._seconds = seconds
        program = program_version(seconds)
        self._data = open_data(folder)
        self.version = tesseract_version(program, self._data.sha256)
        self.agreement = self._data.agreement

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """Returns one reading for each crop, in order; all of them in one process call.

        Raises:
            TesseractMissing: the program is gone.
            BundleInvalid: its data is gone, or it cannot load them.
            ReaderFailed: the program crashed, or did not finish in time.
        """
        return [vote(views, self._data.weights) for views in self.read_views(crops)]

    def read_views(self, crops: Sequence[Crop]) -> list[list[ViewReading]]:
        """Reads each view of each crop, without a vote over the views."""
        views_of_crops = [line_views(crop) for crop in crops]
        lines = [line for views in views_of_crops for view in views for line in view.lines]
        rows = iter(self._recognise_lines(lines))
        return [[_view_reading(view, rows) for view in views] for views in views_of_crops]

    def _recognise_lines(self, lines: Sequence[Gray]) -> list[tuple[Symbol, ...]]:
        """Returns the characters that Tesseract reads in each line, in order."""
        if not lines:
            return []
        with tempfile.TemporaryDirectory(prefix="hkplates-") as folder:
            names = [f"{folder}/{number}.png" for number in range(len(lines))]
            for name, line in zip(names, lines, strict=True):
                Path(name).write_bytes(cv2.imencode(".png", line)[1].tobytes())
            listing = Path(folder) / "lines.txt"
            listing.write_text("\n".join(names) + "\n", encoding="utf-8")
            return _parse_hocr(self._run_tesseract(str(listing)), len(lines))

    def _run_tesseract(self, listing: str) -> str:
        """Calls the program once on the images named in a list file, and returns its hOCR."""
        # The environment of the processes that pytesseract starts. More threads than one only wait
        # for each other on pictures this small.
        engine.environ = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        config = _CONFIG.format(shlex.quote(str(self._data.folder.resolve())))
        try:
            output = engine.run_and_get_output(
                listing, extension="hocr", lang=LANGUAGE, config=config, timeout=self._seconds
            )
        except pytesseract.TesseractNotFoundError:
            raise TesseractMissing(f"the tesseract program is not on PATH; {INSTALL}") from None
        except pytesseract.TesseractError as error:
            if f"{LANGUAGE}.traineddata" in error.message:
                raise BundleInvalid(
                    f"tesseract cannot load {self._data.folder}: {error.message:.200}"
                ) from None
            raise ReaderFailed(
                f"tesseract stopped with status {error.status}: {error.message:.200}"
            ) from None
        except FileNotFoundError:
            raise BundleInvalid(
                f"tesseract wrote no hOCR; {self._data.folder / 'configs' / 'hocr'} tells it to"
            ) from None
        except RuntimeError:  # pytesseract raises it bare for a timeout
            raise ReaderFailed(
                f"tesseract did not finish within {self._seconds:g} seconds and was stopped"
            ) from None
        return str(output)


def _parse_hocr(hocr: str, count: int) -> list[tuple[Symbol, ...]]:
    """Returns the characters of each of `count` pages, one a line; () for a page without text."""
    pages: list[list[Symbol]] = [[] for _ in range(count)]
    page: list[Symbol] = []
    for token in _TOKENS.finditer(hocr):
        if token["page"]:
            page = pages[int(token["page"])]
        else:
            probability = min(1.0, math.exp((float(token["confidence"]) - 100) / CERTAINTY_SCALE))
            page.append(Symbol(html.unescape(token["character"]), probability))
    return [tuple(symbols) for symbols in pages]


def _view_reading(view: LineView, rows: Iterator[tuple[Symbol, ...]]) -> ViewReading:
    """Takes as many rows as the view has lines."""
    return ViewReading(tuple(next(rows) for _ in view.lines), view.preprocessing, view.squarish)
