"""The refiner's training learns, goes on where it stopped, and goes into a detector's bundle."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import open_detector
from hkplates.recognition.score_fusion import ScoreFusion
from models.detector.train import CONFIG as DETECTOR_CONFIG
from models.refiner.train import CONFIG
from models.score_fusion import READING_THRESHOLD
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample, write_samples

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install '.[tensorflow]'")

PROJECT = Path(__file__).parents[3]
DETECTOR = PROJECT / "models" / "detector" / "bundle"
SMALL = {"drawn_scenes": 0, "warm_up": 5, "held_back": 0.0, "report_steps": 10}
SMALL |= {"batch": 16, "fill": 10, "pool": 60}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains 30 steps, and 10 more in a second run; the folder and what both printed."""
    folder = tmp_path_factory.mktemp("refiner")
    write_samples(folder / "data" / "train", 3, 11, FontLibrary(system=False))
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8")) | SMALL
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder, train(folder, 30), train(folder, 40)


def train(folder, steps):
    return run(
        *("models.refiner.train", "--data", folder / "data", "--out", folder / "out"),
        *("--samples", steps * SMALL["batch"], "--config", folder / "config.yaml"),
    )


def run(module, *arguments):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout


def losses(printed, name):
    return [float(number) for number in re.findall(name + r" ([\d.]+)", printed)]


@pytest.mark.timeout(300)
def test_the_losses_of_corners_and_classes_fall(trained):
    _, first, second = trained

    assert losses(second, "corners")[-1] < losses(first, "corners")[0]
    assert losses(second, "kinds")[-1] < losses(first, "kinds")[0]


def test_a_second_run_goes_on_from_the_checkpoint(trained):
    folder, first, second = trained

    assert "resumed" not in first
    assert "resumed at step 30" in second
    assert json.loads((folder / "out" / "state.json").read_text(encoding="utf-8"))["step"] == 40
    assert (folder / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_export_goes_into_the_detectors_bundle(trained, tmp_path):
    folder, _, _ = trained
    bundle = tmp_path / "bundle"
    shutil.copytree(DETECTOR, bundle)
    before = open_bundle(bundle).sha256

    printed = run(
        *("models.refiner.export", "--data", folder / "data", "--bundle", bundle),
        *("--out", folder / "out", "--config", folder / "config.yaml"),
    )

    opened = open_bundle(bundle)
    assert opened.sha256 != before
    assert opened.sha256 in printed
    assert opened.config["refiner"]["samples"] == 40 * SMALL["batch"]
    open_detector(bundle, "litert", 0.0).detect(sample(0, 11, FontLibrary(system=False)).pixels)


@pytest.mark.timeout(300)
def test_score_fusion_is_fitted_into_the_bundle(trained, tmp_path):
    folder, _, _ = trained
    bundle = tmp_path / "bundle"
    shutil.copytree(DETECTOR, bundle)
    held = {"held_back": 1.0}  # all photographs: there are three
    config = yaml.safe_load(DETECTOR_CONFIG.read_text(encoding="utf-8")) | held
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    printed = run(
        *("models.score_fusion", "--data", folder / "data", "--bundle", bundle),
        *("--config", tmp_path / "config.yaml"),
    )

    before, opened = open_bundle(DETECTOR), open_bundle(bundle)
    assert opened.sha256 in printed
    assert opened.score_fusion not in (before.score_fusion, ScoreFusion())
    assert opened.threshold == READING_THRESHOLD
    assert 0 < opened.score_fusion.threshold < 1
    assert opened.score_fusion.reading_weight > 0
