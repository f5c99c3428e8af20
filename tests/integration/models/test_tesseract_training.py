"""Runs Tesseract's training for some seconds: it learns, resumes and exports."""

import json
import shutil

import numpy as np
import pytest
import yaml
from support.labelled_photos import run_module, write_labelled_photos

from hkplates.recognition.reading.tesseract.reader import TesseractReader
from models.tesseract.train import CONFIG

pytest.importorskip("tensorflow", reason="training needs the extra `tensorflow`")
pytestmark = pytest.mark.skipif(
    shutil.which("lstmtraining") is None, reason="Tesseract's trainer is not installed"
)


def small_config(path):
    """Writes the config with a network that is trained in seconds."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["network"] = "[1,36,0,1 Ct3,3,8 Mp3,3 Lfys16 Lfx24 O1c39]"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@pytest.mark.timeout(240)
def test_training_runs_resumes_and_exports_what_reads(tmp_path):
    data, folder, bundle = tmp_path / "data", tmp_path / "run", tmp_path / "bundle"
    write_labelled_photos(data)
    common = ("--data", data, "--folder", folder, "--config", small_config(tmp_path / "c.yaml"))
    train = ("models.tesseract.train", *common, "--lines", 200, "--round", 100)

    run_module(*train, "--iterations", 100)
    run_module(*train, "--iterations", 200)
    told = run_module("models.tesseract.export", *common, "--bundle", bundle, "--drawn", 10)

    first, second = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    assert (first["iterations"], second["iterations"]) == (100, 200)
    assert json.loads(told)["training"]["iterations"] == 200
    assert len(TesseractReader(bundle).read([np.full((130, 400, 3), 240, np.uint8)])) == 1
