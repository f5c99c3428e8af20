"""Writes labelled photographs for trainings of some seconds, and runs commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from models.synthesis.fonts import FontLibrary
from models.synthesis.plates import draw_plate

ROOT = Path(__file__).parents[2]


def run_module(module, *arguments):
    """Runs a module of the project on the CPU; returns what it printed."""
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


def write_labelled_photos(folder, count=6):
    """Writes a folder of drawn plates as training expects it."""
    fonts, rng = FontLibrary(system=False), np.random.default_rng(3)
    (folder / "train").mkdir(parents=True)
    (folder / "backgrounds").mkdir()
    cv2.imwrite(str(folder / "backgrounds" / "wall.jpg"), np.full((200, 300, 3), 90, np.uint8))
    rows = []
    for number in range(count):
        plate = draw_plate(rng, fonts)
        name = f"drawn{number}.jpg"
        cv2.imwrite(str(folder / "train" / name), plate.pixels[..., ::-1])
        fields = {"text": plate.text, "lines": plate.rows, "color": plate.colour, "hk": True}
        rows.append({"file": name, "plates": [{**fields, "quad": plate.corners.tolist()}]})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "train" / "train.jsonl").write_text(lines, encoding="utf-8")
