"""One command fine-tunes all networks on imported labels, and tells before and after."""

import json
import os
import re

import numpy as np
import pytest
import yaml
from support.labelled_photos import ROOT, run_module

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.refiner import Refiner
from hkplates.recognition.recogniser import open_recogniser
from models.fine_tuning.__main__ import TRAINED
from models.labels.corners import refined_corners
from models.labels.importing import Options, import_folders
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample, write_samples

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install '.[tensorflow]'")

MODELS = ROOT / "models"
SMALL = {"drawn_scenes": 0, "warm_up": 5, "held_back": 0.0, "report_steps": 10}
CONFIGS = {
    "detector": (
        MODELS / "detector" / "config.yaml",
        SMALL | {"view": 160, "batch": 4, "fresh": 4, "mine_at": []},
    ),
    "refiner": (
        MODELS / "refiner" / "config.yaml",
        SMALL | {"batch": 16, "fill": 10, "pool": 60, "samples": 160},
    ),
    "reader": (MODELS / "reader" / "finetune.yaml", {"samples": 64, "batch": 16}),
}


def write_configs(folder):
    """Writes settings for trainings of some seconds; returns the options that name them."""
    options = []
    for part, (path, values) in CONFIGS.items():
        config = yaml.safe_load(path.read_text(encoding="utf-8")) | values
        (folder / f"{part}.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        options += [f"--{part}-config", folder / f"{part}.yaml"]
    return options


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """Imports drawn scenes and fine-tunes on them; the folder, and what was printed."""
    folder = tmp_path_factory.mktemp("fine-tuning")
    write_samples(folder / "labelled", 5, 11, FontLibrary(system=False))
    import_folders([folder / "labelled"], folder / "data", Options())
    before = hashes(MODELS)
    printed = run_module(
        *("models.fine_tuning", folder / "data", "--out", folder / "out", "--minutes", 0.05),
        *write_configs(folder),
    )
    assert hashes(MODELS) == before, "the shipped bundles are left alone"
    return folder, printed


def hashes(models):
    return {path.parent.parent.name: path.read_bytes() for path in models.glob("*/bundle/*.json")}


@pytest.mark.timeout(600)
def test_before_and_after_are_told(tuned):
    _, printed = tuned

    table = {
        name: [float(value) for value in re.findall(r"[\d.]+", line)]
        for name, line in re.findall(r"^(before|after) +([\d. ]+)$", printed, re.MULTILINE)
    }
    assert table.keys() == {"before", "after"}
    assert table["before"][0] > 0, "the shipped models find drawn plates"
    assert re.search(r"^1 photographs, \d plates", printed, re.MULTILINE)


@pytest.mark.timeout(600)
def test_every_network_is_another_one_and_the_calibration_the_shipped_one(tuned):
    folder, printed = tuned
    new = folder / "out" / "models"

    assert f"export HKPLATES_MODELS={new}" in printed
    for name, file in [("detector", "model"), ("detector", "refiner"), ("reader", "model")]:
        paths = [models / name / "bundle" / f"{file}.tflite" for models in (MODELS, new)]
        assert paths[0].read_bytes() != paths[1].read_bytes(), file
    shipped, detector = (open_bundle(m / "detector" / "bundle").config for m in (MODELS, new))
    assert {k: v for k, v in detector.items() if k not in TRAINED} == {
        k: v for k, v in shipped.items() if k not in TRAINED
    }
    readers = [open_bundle(models / "reader" / "bundle").config for models in (MODELS, new)]
    assert readers[0]["decoder"] == readers[1]["decoder"]


@pytest.mark.timeout(600)
def test_the_new_models_read(tuned):
    folder, _ = tuned
    recogniser = open_recogniser(folder / "out" / "models", "litert", None, "neural")

    scene = sample(0, 11, FontLibrary(system=False))
    (plates,) = recogniser.recognise([scene.pixels])
    assert {plate.mark for plate in plates if plate.region == "HK"}


@pytest.mark.timeout(600)
def test_the_setting_that_is_told_has_hkplates_use_them(tuned, monkeypatch):
    folder, _ = tuned
    photo = next((folder / "data" / "dev").glob("*.jpg"))
    monkeypatch.setitem(os.environ, "HKPLATES_MODELS", str(folder / "out" / "models"))

    (line,) = run_module("cli.main", "read", "--json", photo).splitlines()
    assert json.loads(line)["error"] is None


def test_the_shipped_refiner_finds_the_corners_of_a_labelled_box():
    scene = sample(0, 11, FontLibrary(system=False))
    quad = scene.plates[0].quad
    left, top = quad.min(axis=0)
    width, height = np.ptp(quad, axis=0)
    loose = [left - 0.05 * width, top - 0.05 * width, 1.1 * width, height + 0.1 * width]

    refiner = Refiner(MODELS / "detector" / "bundle" / "refiner.tflite")
    corners = refined_corners(scene.pixels, loose, refiner)
    assert corners is not None
    assert np.abs(corners - quad).max() < 0.15 * height
