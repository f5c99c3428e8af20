"""Runs the shipped reader on easy synthetic plates, of which it may misread one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hkplates.errors import BundleInvalid
from hkplates.recognition import marks
from hkplates.recognition.bundles.bundle import sha256_of
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.neural import open_reader
from hkplates.recognition.types import Quad
from models.synthesis.fonts import FontLibrary
from models.synthesis.marks import PrintedMark
from models.synthesis.plates import draw_plate

BUNDLE = Path(__file__).parents[3] / "models" / "reader" / "bundle"
MARKS = [
    ("AG", "5555"),
    ("RJ", "9756"),
    ("VW", "4198"),
    ("BK", "369"),
    ("TS", "8827"),
    ("NE", "26"),
]


@pytest.fixture(scope="module")
def reader():
    return open_reader(BUNDLE)


def drawn(groups, rows, seed):
    """Draws a plate with these groups and crops it as the recogniser does."""
    fonts = FontLibrary(system=False)  # the same on every machine
    rng = np.random.default_rng(seed)
    plate = draw_plate(rng, fonts, mark=PrintedMark(groups, "usual"), rows=rows)
    return rectify(plate.pixels, Quad.from_array(plate.corners))


@pytest.mark.parametrize("rows", [1, 2])
def test_drawn_plates_are_read(reader, rows):
    readings = reader.read([drawn(groups, rows, seed) for seed, groups in enumerate(MARKS)])

    right = [
        marks.canonical(reading.text) == "".join(groups)
        for reading, groups in zip(readings, MARKS, strict=True)
    ]
    assert sum(right) >= len(MARKS) - 1
    assert [reading.rows for reading in readings].count(rows) >= len(MARKS) - 1


def test_two_rows_are_parted_where_they_are(reader):
    assert reader.read([drawn(("RJ", "9756"), 2, 1)])[0].text == "RJ 9756"


def test_each_character_has_a_confidence_and_candidates_fall(reader):
    reading = reader.read([drawn(("VW", "4198"), 1, 2)])[0]
    confidences = [candidate.confidence for candidate in reading.candidates]

    assert len(reading.character_confidences) == len(marks.canonical(reading.text))
    assert reading.candidates[0].text == reading.text
    assert confidences == sorted(confidences, reverse=True)
    assert 0 <= reading.confidence <= 1


def test_the_readings_come_in_the_order_of_the_crops(reader):
    crops = [drawn(groups, 1, seed) for seed, groups in enumerate(MARKS)]

    forwards, backwards = reader.read(crops), reader.read(crops[::-1])

    assert forwards == backwards[::-1]


def test_no_crops_are_no_readings(reader):
    assert reader.read([]) == []


def test_an_even_surface_is_not_read_with_confidence(reader):
    assert reader.read([np.full((90, 340, 3), 128, np.uint8)])[0].confidence < 0.5


def test_altered_weights_are_refused(tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(BUNDLE, folder)
    weights = folder / "model.tflite"
    weights.write_bytes(weights.read_bytes() + b"x")

    with pytest.raises(BundleInvalid, match=r"model\.tflite"):
        open_reader(folder)


@pytest.fixture
def another(tmp_path):
    """Returns a function that alters a copy of the bundle, hashes included."""
    shutil.copytree(BUNDLE, tmp_path / "bundle")

    def alter(weights=None, **fields):
        path = tmp_path / "bundle" / "config.json"
        config = json.loads(path.read_text(encoding="utf-8")) | fields
        if weights is not None:
            (path.parent / "model.tflite").write_bytes(weights)
            config["files"] = {"model.tflite": sha256_of(weights)}
        kept = {name: value for name, value in config.items() if value is not None}
        path.write_text(json.dumps(kept), encoding="utf-8")
        return path.parent

    return alter


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"margin": None}, id="no margin"),
        pytest.param({"decoder": None}, id="no decoder"),
        pytest.param({"decoder": {"slot_share": 0.5}}, id="half a decoder"),
        pytest.param({"slots": "many"}, id="slots in words"),
        pytest.param({"slots": 7}, id="another network's slots"),
        pytest.param({"inputs": [[64, 200]]}, id="another network's input"),
        pytest.param({"weights": b"no model at all"}, id="no model"),
    ],
)
def test_a_bundle_that_is_whole_and_no_reader_is_refused(another, change):
    with pytest.raises(BundleInvalid, match=r"holds no reader|LiteRT cannot load"):
        open_reader(another(**change))


def test_reading_imports_no_tensorflow():
    program = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from hkplates.recognition.reading.neural import open_reader\n"
        f"open_reader(Path({str(BUNDLE)!r}))\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert not {"tensorflow", "keras"} & set(json.loads(done.stdout.splitlines()[-1]))
