"""Runs the reader's training for some seconds: it learns, resumes and exports."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.labelled_photos import run_module, write_labelled_photos

from hkplates.recognition.reading.neural import open_reader

pytest.importorskip("tensorflow", reason="training needs the extra `tensorflow`")

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(400)
def test_training_learns_resumes_and_exports(tmp_path):
    """Trains on synthetic plates first, then on folds of the photographs, then on all of them."""
    data, folder, folds = tmp_path / "data", tmp_path / "run", tmp_path / "folds"
    bundle = tmp_path / "bundle"
    write_labelled_photos(data)
    train = ("models.reader.train", "--data", data, "--threads", 1, "--batch", 8)
    drawn = (*train, "--folder", folder)

    run_module(*drawn, "--samples", 80)
    run_module(*drawn, "--samples", 160)
    fine = tmp_path / "fine"
    finetune = ("--config", ROOT / "models" / "reader" / "finetune.yaml")
    told = run_module(
        *("models.reader.crossvalidate", "--data", data, "--start", folder, "--folder", folds),
        *("--folds", 2, "--samples", 64, "--drawn", 20),
    )
    run_module(*train, "--folder", fine, *finetune, "--start", folder, "--samples", 64)
    run_module(
        *("models.reader.export", "--data", data, "--folder", fine, "--folds", folds),
        *("--bundle", bundle, "--drawn", 20),
    )

    first, second = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    assert (first["samples"], second["samples"]) == (80, 160)
    assert second["losses"]["slots"] < first["losses"]["slots"]
    assert re.search(r"^all +6 ", told, re.MULTILINE), "each plate is read by the fold without it"
    reader = open_reader(bundle)
    assert len(reader.read([np.zeros((90, 300, 3), np.uint8)])) == 1
