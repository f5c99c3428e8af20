"""Own labels and base data become the two folders that trainings read."""

import json

import numpy as np
import pytest
from PIL import Image

from hkplates.recognition.detection.refiner import Refined
from models.fine_tuning.data import LONG_SIDE, prepare, read_rows
from models.labels.corners import refined_corners

BOX = [400.0, 300.0, 200.0, 60.0]
CORNERS = np.array([[410, 305], [595, 300], [598, 352], [405, 358]], float)
PLATE = {"box": BOX, "quad": None, "text": "AB1234", "lines": 1, "color": "white", "hk": True}


class FindsCorners:
    """A refiner that returns corners and logits of CLASSES."""

    def __init__(self, corners, logits):
        self._refined = Refined(corners, np.array(logits)) if corners is not None else None

    def refine(self, photo, corners):
        return self._refined


def write_photos(folder, name, size, plates):
    """Writes one photograph and its row as a labelled folder."""
    folder.mkdir(parents=True)
    Image.new("RGB", size, (90, 90, 90)).save(folder / name)
    row = {"file": name, "width": size[0], "height": size[1], "country": "HK", "plates": plates}
    (folder / f"{folder.name}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


@pytest.fixture
def own(tmp_path):
    quad = [[800, 600], [1200, 600], [1200, 720], [800, 720]]
    write_photos(tmp_path / "own" / "train", "mine.jpg", (2560, 1920), [{**PLATE, "quad": quad}])
    return tmp_path / "own"


def test_large_photographs_are_shrunk_with_their_labels_for_the_detector_alone(own, tmp_path):
    prepared = prepare(own, None, tmp_path, tmp_path / "work")

    (small,) = read_rows(prepared.find / "train")
    with Image.open(prepared.find / "train" / small["file"]) as picture:
        assert picture.size == (small["width"], small["height"]) == (LONG_SIDE, 960)
    assert small["plates"][0]["box"] == [200.0, 150.0, 100.0, 30.0]
    assert small["plates"][0]["quad"][0] == [400.0, 300.0]
    (whole,) = read_rows(prepared.read / "train")
    with Image.open(prepared.read / "train" / whole["file"]) as picture:
        assert picture.size == (2560, 1920)
    assert (prepared.photos, prepared.plates, prepared.readable, prepared.refined) == (1, 1, 1, 0)


def test_base_data_is_linked_with_its_backgrounds(own, tmp_path):
    write_photos(tmp_path / "base" / "train", "hkb_1.jpg", (640, 480), [PLATE])
    write_photos(tmp_path / "base" / "backgrounds", "wall.jpg", (640, 480), [])

    for _ in range(2):  # the same command goes on
        prepared = prepare(own, tmp_path / "base", tmp_path, tmp_path / "work")
    for folder in (prepared.find, prepared.read):
        assert [row["file"] for row in read_rows(folder / "train")] == ["hkb_1.jpg", "mine.jpg"]
        assert (folder / "train" / "hkb_1.jpg").is_symlink()
        assert (folder / "backgrounds" / "wall.jpg").is_file()


def test_labels_that_were_not_imported_are_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"python -m models\.labels import FOLDER"):
        prepare(tmp_path, None, tmp_path, tmp_path / "work")


@pytest.mark.parametrize(
    ("corners", "logits", "taken"),
    [
        pytest.param(CORNERS, [4.0, 0.0, -4.0], True, id="a plate that fills the box"),
        pytest.param(CORNERS, [-4.0, 0.0, 4.0], False, id="rather no plate"),
        pytest.param(CORNERS * 0.5, [4.0, 0.0, -4.0], False, id="elsewhere"),
        pytest.param(None, [], False, id="nothing"),
    ],
)
def test_corners_are_taken_where_the_refiner_sees_a_plate_in_the_box(corners, logits, taken):
    photo = np.zeros((960, 1280, 3), np.uint8)

    found = refined_corners(photo, BOX, FindsCorners(corners, logits))
    assert (found is not None) == taken
