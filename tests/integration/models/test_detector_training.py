"""Training learns, goes on where it stopped, and its export opens: in about a minute, on a CPU."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from hkplates.recognition.detection.detector import open_detector
from models.detector.train import CONFIG
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample, write_samples

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install '.[tensorflow]'")

PROJECT = Path(__file__).parents[3]
SMALL = {"view": 160, "batch": 4, "fresh": 4, "drawn_scenes": 0, "warm_up": 5}
SMALL |= {"held_back": 0.0, "report_steps": 10}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Trains 40 steps, and 10 more in a second run; the folder and what both printed."""
    folder = tmp_path_factory.mktemp("training")
    write_samples(folder / "data" / "train", 3, 11, FontLibrary(system=False))
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8")) | SMALL
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder, run_training(folder, 40), run_training(folder, 50)


def run_training(folder, steps, out="out", *more):
    return run(
        *("models.detector.train", "--data", folder / "data", "--out", folder / out),
        *("--steps", steps, "--config", folder / "config.yaml", *more),
    )


def run(module, *arguments):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout


def losses(printed):
    return [float(number) for number in re.findall(r"loss ([\d.]+)", printed)]


def test_the_loss_falls(trained):
    _, first, _ = trained

    assert losses(first)[-1] < losses(first)[0] * 0.8


def test_a_second_run_goes_on_from_the_checkpoint(trained):
    folder, first, second = trained

    assert "resumed" not in first
    assert "resumed at step 40" in second
    assert json.loads((folder / "out" / "state.json").read_text(encoding="utf-8"))["step"] == 50
    assert losses(second)[-1] < losses(first)[0] * 0.8


def test_the_loss_is_drawn(trained):
    folder, _, _ = trained

    assert (folder / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_export_opens_and_knows_how_it_was_trained(trained, tmp_path):
    folder, _, _ = trained
    printed = run(
        *("models.detector.export", "--out", folder / "out", "--bundle", tmp_path / "bundle"),
        *("--config", folder / "config.yaml"),
    )

    detector = open_detector(tmp_path / "bundle", "litert", 0.05)
    detector.detect(sample(0, 11, FontLibrary(system=False)).pixels)
    described = json.loads((tmp_path / "bundle" / "config.json").read_text(encoding="utf-8"))
    assert described["training"]["steps"] == 50
    assert detector.sha256 in printed


def test_a_training_may_begin_with_the_weights_of_a_bundle(trained):
    folder, first, _ = trained
    begun = run_training(
        folder, 10, "another", "--start", PROJECT / "models" / "detector" / "bundle"
    )

    assert losses(begun)[0] < losses(first)[0] / 2
    state = json.loads((folder / "another" / "state.json").read_text(encoding="utf-8"))
    assert state["before"]["steps"] > 0
