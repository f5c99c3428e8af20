"""The reader's training, for some seconds: it runs, goes on where it stopped, and exports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from labelled import labelled_photos

from hkplates.recognition.reader import open_reader

pytest.importorskip("tensorflow", reason="training needs the extra `tensorflow`")

ROOT = Path(__file__).parents[2]


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


@pytest.mark.timeout(240)
def test_training_learns_resumes_and_exports(tmp_path):
    data, folder, bundle = tmp_path / "data", tmp_path / "run", tmp_path / "bundle"
    labelled_photos(data)
    common = ("--data", data, "--folder", folder)
    train = ("models.reader.train", *common, "--threads", 1, "--batch", 8)

    call(*train, "--minutes", 0.05)
    call(*train, "--minutes", 0.1)
    call("models.reader.export", *common, "--bundle", bundle, "--drawn", 40)

    first, second = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    assert second["samples"] > first["samples"] > 0
    assert second["losses"]["slots"] < first["losses"]["slots"]
    reader = open_reader(bundle)
    assert len(reader.read([np.zeros((90, 300, 3), np.uint8)])) == 1
