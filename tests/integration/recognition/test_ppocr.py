"""Runs PP-OCR's own weights on plates drawn here, also in a child that was forked after."""

import multiprocessing
import subprocess
import sys

import numpy as np
import pytest

from hkplates.recognition.images.warp import rectify
from hkplates.recognition.marks import canonical
from hkplates.recognition.reading.factory import open_reader
from hkplates.recognition.reading.ppocr.weights import is_installed
from hkplates.recognition.types import Crop, Quad
from hkplates.settings import PROJECT
from models.synthesis.fonts import FontLibrary
from models.synthesis.marks import PrintedMark
from models.synthesis.plates import draw_plate

pytestmark = pytest.mark.skipif(
    not is_installed(), reason="PP-OCR is not installed: pip install 'hkplates[ppocr]'"
)

MODELS = PROJECT / "models"
MARKS = [("AG", "5555"), ("RJ", "9756"), ("VW", "4198"), ("BK", "369"), ("TS", "8827")]


def drawn(groups: tuple[str, ...], rows: int, seed: int) -> Crop:
    """Draws a plate with these groups and crops it as the recogniser does."""
    fonts = FontLibrary(system=False)  # the same on every machine
    plate = draw_plate(
        np.random.default_rng(seed), fonts, mark=PrintedMark(groups, "usual"), rows=rows
    )
    return rectify(plate.pixels, Quad.from_array(plate.corners))


@pytest.mark.parametrize("rows", [1, 2])
def test_drawn_plates_are_read_and_their_rows_parted(rows: int) -> None:
    readings = open_reader(MODELS, "ppocr").read(
        [drawn(groups, rows, seed) for seed, groups in enumerate(MARKS)]
    )
    right = [
        canonical(reading.text) == "".join(groups)
        for reading, groups in zip(readings, MARKS, strict=True)
    ]
    assert sum(right) >= len(MARKS) - 1
    assert [reading.rows for reading in readings].count(rows) >= len(MARKS) - 1
    if rows == 2:
        assert [r.text for r in readings].count("RJ 9756") == 1


def test_a_plate_is_read_alike_whatever_is_read_beside_it() -> None:
    reader = open_reader(MODELS, "ppocr")
    narrow, wide = drawn(("BK", "3"), 1, 3), drawn(("TS", "8827"), 1, 4)
    assert reader.read([narrow, wide, narrow])[::2] == reader.read([narrow]) * 2


def _read_in_child(answers: "multiprocessing.Queue[str]") -> None:
    answers.put(open_reader(MODELS, "ppocr").read([drawn(("RJ", "9756"), 1, 1)])[0].text)


def test_a_child_forked_after_the_parent_read_opens_its_own_and_reads() -> None:
    open_reader(MODELS, "ppocr").read([drawn(("RJ", "9756"), 1, 1)])
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[str] = context.Queue()
    child = context.Process(target=_read_in_child, args=(answers,))
    child.start()
    try:
        assert answers.get(timeout=60) == "RJ9756"
    finally:
        child.join(10)
        child.kill()
    assert child.exitcode == 0


def test_it_is_read_without_a_word_on_standard_error_and_without_importing_rapidocr() -> None:
    program = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from hkplates.recognition.reading.factory import open_reader\n"
        f"reader = open_reader(Path({str(MODELS)!r}), 'ppocr')\n"
        "print(repr(reader.read([np.full((130, 300, 3), 200, np.uint8)])[0].text))\n"
        "print('rapidocr' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "''\nFalse\n", "")
