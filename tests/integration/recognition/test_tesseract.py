"""Runs the real tesseract program on plates drawn here, and checks the errors of a broken one."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from hkplates.errors import BundleInvalid, ReaderFailed, TesseractMissing
from hkplates.recognition.bundles.bundle import sha256_of
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.marks import canonical
from hkplates.recognition.reading.factory import open_reader
from hkplates.recognition.reading.tesseract.reader import TesseractReader
from hkplates.recognition.types import Crop, Quad
from hkplates.settings import PROJECT

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="the tesseract program is not installed"
)

BUNDLE = PROJECT / "models" / "tesseract" / "bundle"
WHITE, YELLOW = (238, 238, 236), (236, 184, 30)


def plate(*rows: str, paper: tuple[int, int, int] = WHITE, loose: float = 0.0) -> Crop:
    """Draws a plate on a dark car with frame, screws and a maker's mark; corners off by `loose`."""
    wide, high = (320, 72) if len(rows) == 1 else (200, 120)
    picture = Image.new("RGB", (wide + 120, high + 120), (52, 56, 64))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((57, 57, 63 + wide, 63 + high), (20, 20, 20))
    draw.rectangle((60, 60, 60 + wide, 60 + high), paper)
    font = ImageFont.load_default(66)
    for number, text in enumerate(rows):
        middle = 60 + high * (2 * number + 1) / (2 * len(rows))
        draw.text((60 + wide / 2, middle), text, (16, 16, 18), font, anchor="mm", stroke_width=1)
    for screw in (72, 60 + wide - 12):
        draw.ellipse((screw - 3, 70, screw + 3, 76), (120, 120, 120))
    draw.text((60 + wide / 2, 60 + high - 5), "MADE IN HK", (90, 90, 90), anchor="mm")
    off = loose * high
    corners = ((60, 60), (60 + wide, 60), (60 + wide, 60 + high), (60, 60 + high))
    shifts = ((-off, -off), (off, off), (off, off), (-off, off))
    quad = np.array(corners, float) + np.array(shifts)
    return rectify(np.asarray(picture), Quad.from_array(quad))


def blank() -> Crop:
    return rectify(np.full((60, 200, 3), 200, np.uint8), Quad((0, 0), (200, 0), (200, 60), (0, 60)))


@needs_tesseract
def test_plates_of_one_and_two_rows_are_read_in_order_in_one_call() -> None:
    crops = [
        plate("AG 5555"),
        plate("SM", "188"),
        plate("NARITA"),
        blank(),
        plate("KB", "7342", paper=YELLOW),
        plate("HK 2376", paper=YELLOW),
    ]
    readings = TesseractReader(BUNDLE).read(crops)
    marks = [canonical(reading.text) for reading in readings]
    assert marks == ["AG5555", "SM188", "NAR1TA", "", "KB7342", "HK2376"]
    assert [reading.rows for reading in readings if reading.text] == [1, 2, 1, 2, 1]


@needs_tesseract
def test_rows_are_parted_by_a_blank_and_letters_kept_as_printed() -> None:
    two_rows, personalised = TesseractReader(BUNDLE).read([plate("SM", "188"), plate("NARITA")])
    assert two_rows.text == "SM 188"
    assert personalised.text == "NARITA"


@needs_tesseract
def test_each_character_has_a_confidence_and_the_reading_is_its_own_first_candidate() -> None:
    (reading,) = TesseractReader(BUNDLE).read([plate("AG 5555")])
    assert len(reading.character_confidences) == len("AG5555")
    assert all(0 <= number <= 1 for number in reading.character_confidences)
    assert 0 < reading.confidence <= min(reading.character_confidences)
    assert (reading.candidates[0].text, reading.candidates[0].confidence) == (
        reading.text,
        reading.confidence,
    )


@needs_tesseract
def test_a_loose_box_is_read_as_well() -> None:
    readings = TesseractReader(BUNDLE).read(
        [plate("AG 5555", loose=0.15), plate("SM", "188", loose=0.1)]
    )
    assert [canonical(reading.text) for reading in readings] == ["AG5555", "SM188"]


@needs_tesseract
def test_what_holds_no_text_is_an_empty_reading() -> None:
    noise = np.random.default_rng(5).integers(0, 256, (80, 240, 3), np.uint8)
    tiny = np.zeros((9, 9, 3), np.uint8)
    readings = TesseractReader(BUNDLE).read([blank(), np.zeros((130, 400, 3), np.uint8), tiny])
    assert [(reading.text, reading.confidence) for reading in readings] == [("", 0.0)] * 3
    assert len(TesseractReader(BUNDLE).read([noise])) == 1


@needs_tesseract
def test_no_crops_need_no_call() -> None:
    assert TesseractReader(BUNDLE).read([]) == []


@needs_tesseract
def test_nothing_is_left_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    TesseractReader(BUNDLE).read([plate("AG 5555")])
    assert list(tmp_path.iterdir()) == []


@needs_tesseract
def test_the_version_names_the_program_and_the_data() -> None:
    name, program, data = TesseractReader(BUNDLE).version.split()
    assert name == "tesseract"
    assert program[0].isdigit()
    assert data == sha256_of((BUNDLE / "config.json").read_bytes())


@needs_tesseract
def test_no_data_of_the_machine_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", "/nowhere")
    (reading,) = TesseractReader(BUNDLE).read([plate("AG 5555")])
    assert canonical(reading.text) == "AG5555"


@needs_tesseract
def test_data_in_a_folder_whose_name_has_blanks_are_found(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLE, tmp_path / "my models")
    (reading,) = TesseractReader(folder).read([plate("AG 5555")])
    assert canonical(reading.text) == "AG5555"


@needs_tesseract
@pytest.mark.parametrize("name", ["hkplates.traineddata", "configs/hocr", "config.json"])
def test_data_that_are_missing_are_named(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    (folder / name).unlink()
    with pytest.raises(BundleInvalid, match=rf"{name} cannot be read.*Restore it"):
        TesseractReader(folder)


@needs_tesseract
def test_altered_data_are_named(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    with (folder / "hkplates.traineddata").open("ab") as data:
        data.write(b"more")
    with pytest.raises(BundleInvalid, match=r"hkplates\.traineddata is not the file"):
        TesseractReader(folder)


@needs_tesseract
@pytest.mark.parametrize(
    "text", ["[]", "{", '{"format": 2}', '{"format": 1, "weights": {}, "files": []}']
)
def test_a_config_of_another_form_is_named(tmp_path: Path, text: str) -> None:
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    (folder / "config.json").write_text(text)
    with pytest.raises(BundleInvalid, match=r"config\.json is not of format 1"):
        TesseractReader(folder)


@needs_tesseract
@pytest.mark.parametrize(
    ("place", "values"),
    [
        (("weights", "calibration"), [1.0] * 5),
        (("weights", "calibration"), [1.0] * 5 + [float("nan")]),
        (("agreement", "agreed"), [1.0, 2.0]),
    ],
    ids=["too few", "no number", "an agreement of two"],
)
def test_numbers_that_cannot_be_counted_with_are_named(
    tmp_path: Path, place: tuple[str, str], values: list[float]
) -> None:
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config[place[0]][place[1]] = values
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BundleInvalid, match=r"config\.json is not of format 1.*expected"):
        TesseractReader(folder)


@needs_tesseract
def test_a_wish_for_hocr_that_vanishes_is_named(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    reader = TesseractReader(folder)
    (folder / "configs" / "hocr").unlink()
    with pytest.raises(BundleInvalid, match="hocr"):
        reader.read([plate("AG 5555")])


@needs_tesseract
def test_both_readers_read_a_plate_together() -> None:
    reader = open_reader(BUNDLE.parents[1], "both")
    (reading,) = reader.read([plate("AG 5555")])
    assert (canonical(reading.text), reader.name) == ("AG5555", "both")


@needs_tesseract
def test_data_that_vanish_while_a_worker_runs_are_named(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    reader = TesseractReader(folder)
    (folder / "hkplates.traineddata").unlink()
    with pytest.raises(BundleInvalid, match="cannot load"):
        reader.read([plate("AG 5555")])


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Puts a program of that name first on PATH; it prints its version, or else runs `does`."""
    program = folder / "tesseract"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys, time\n"
        "if '--version' in sys.argv:\n    sys.exit(print('tesseract 5.9.9'))\n" + does
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_missing_program_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TesseractMissing, match=r"tesseract-ocr.*brew install tesseract"):
        TesseractReader(BUNDLE)


def test_a_program_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "time.sleep(60)")
    reader = TesseractReader(BUNDLE, seconds=1.0)
    begun = time.monotonic()
    with pytest.raises(ReaderFailed, match="did not finish within 1 seconds"):
        reader.read([plate("AG 5555")])
    assert time.monotonic() - begun < 30


def test_a_program_that_crashes_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "os.abort()")
    with pytest.raises(ReaderFailed, match="status -6"):
        TesseractReader(BUNDLE).read([plate("AG 5555")])


def test_one_thread_is_for_the_program_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    stand_in(
        tmp_path,
        monkeypatch,
        f"open({str(seen)!r}, 'w').write(os.environ['OMP_THREAD_LIMIT'])\n"
        "open(sys.argv[2] + '.hocr', 'w').close()\n",
    )
    assert TesseractReader(BUNDLE).read([plate("AG 5555")])[0].text == ""
    assert seen.read_text() == "1"
    own = subprocess.run(
        [sys.executable, "-c", "import os; print(os.environ.get('OMP_THREAD_LIMIT'))"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert own.stdout == "None\n"
