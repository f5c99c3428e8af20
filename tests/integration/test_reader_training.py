"""The reader's training, for some seconds: it runs, goes on where it stopped, and exports."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from hkplates.recognition.reader import open_reader
from models.synthesis.faces import Faces
from models.synthesis.plates import draw_plate

pytest.importorskip("tensorflow", reason="training needs the extra `tensorflow`")

ROOT = Path(__file__).parents[2]


def labelled_photos(folder, count=6):
    """A folder as training wants it, of drawn plates."""
    faces, rng = Faces(system=False), np.random.default_rng(3)
    (folder / "train").mkdir(parents=True)
    (folder / "backgrounds").mkdir()
    cv2.imwrite(str(folder / "backgrounds" / "wall.jpg"), np.full((200, 300, 3), 90, np.uint8))
    rows = []
    for number in range(count):
        plate = draw_plate(rng, faces)
        name = f"drawn{number}.jpg"
        cv2.imwrite(str(folder / "train" / name), plate.pixels[..., ::-1])
        said = {"text": plate.text, "lines": plate.rows, "color": plate.colour, "hk": True}
        rows.append({"file": name, "plates": [{**said, "quad": plate.corners.tolist()}]})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "train" / "train.jsonl").write_text(lines, encoding="utf-8")


def call(module, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.timeout(400)
def test_training_learns_resumes_and_exports(tmp_path):
    """Drawn plates first, then folds of the photographs, then all of them."""
    data, folder, folds = tmp_path / "data", tmp_path / "run", tmp_path / "folds"
    bundle = tmp_path / "bundle"
    labelled_photos(data)
    train = ("models.reader.train", "--data", data, "--threads", 1, "--batch", 8)
    drawn = (*train, "--folder", folder)

    call(*drawn, "--samples", 80)
    call(*drawn, "--samples", 160)
    fine = tmp_path / "fine"
    finetune = ("--config", ROOT / "models" / "reader" / "finetune.yaml")
    told = call(
        *("models.reader.crossvalidate", "--data", data, "--start", folder, "--folder", folds),
        *("--folds", 2, "--samples", 64, "--drawn", 20),
    )
    call(*train, "--folder", fine, *finetune, "--start", folder, "--samples", 64)
    call(
        *("models.reader.export", "--data", data, "--folder", fine, "--folds", folds),
        *("--bundle", bundle, "--drawn", 20),
    )

    first, second = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    assert (first["samples"], second["samples"]) == (80, 160)
    assert second["losses"]["slots"] < first["losses"]["slots"]
    assert re.search(r"^all +6 ", told, re.MULTILINE), "each plate is read by the fold without it"
    reader = open_reader(bundle)
    assert len(reader.read([np.zeros((90, 300, 3), np.uint8)])) == 1
