"""Opens a model folder only if its files have the hashes that its config names."""

import json
import shutil
from pathlib import Path

import pytest

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.bundle import open_bundle, sha256_of
from hkplates.recognition.detection.detector import LiteRTDetector, open_detector

COMMITTED = Path(__file__).parents[3] / "models" / "detector" / "bundle"


@pytest.fixture
def folder(tmp_path):
    """Returns a small bundle whose one file holds b"weights"."""
    (tmp_path / "model.tflite").write_bytes(b"weights")
    config = {
        "format": 1,
        "inputs": [[480, 640]],
        "threshold": 0.4,
        "colour_order": "RGB",
        "classes": ["hong_kong", "other"],
        "files": {"model.tflite": sha256_of(b"weights")},
    }
    write(tmp_path, config)
    return tmp_path


def write(folder, config):
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def change(folder, **fields):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write(folder, config | fields)


def test_a_whole_bundle_opens_with_its_settings(folder):
    bundle = open_bundle(folder)

    assert bundle.folder == folder
    assert bundle.threshold == 0.4
    assert bundle.inputs == ((480, 640),)
    assert bundle.sha256 == sha256_of((folder / "config.json").read_bytes())


def test_another_threshold_makes_another_bundle(folder):
    """Rows name the hash of the model that made them; a change of results must change it."""
    before = open_bundle(folder).sha256
    change(folder, threshold=0.5)

    assert open_bundle(folder).sha256 != before


def test_a_changed_file_is_refused_by_name(folder):
    (folder / "model.tflite").write_bytes(b"other weights")

    with pytest.raises(BundleInvalid, match=r"model\.tflite is not the file"):
        open_bundle(folder)


def test_a_missing_file_is_refused_by_name(folder):
    (folder / "model.tflite").unlink()

    with pytest.raises(BundleInvalid, match=r"model\.tflite cannot be read"):
        open_bundle(folder)


@pytest.fixture
def with_saved_model(folder):
    """Returns the same bundle with a file for TensorFlow."""
    (folder / "saved_model").mkdir()
    (folder / "saved_model" / "saved_model.pb").write_bytes(b"graph")
    files = {
        "model.tflite": sha256_of(b"weights"),
        "saved_model/saved_model.pb": sha256_of(b"graph"),
    }
    change(folder, files=files)
    return folder


def test_a_bundle_without_the_saved_model_is_the_same_model_for_litert(with_saved_model):
    """An image without TensorFlow leaves it out; rows must not name another model for that."""
    before = open_bundle(with_saved_model, "tensorflow").sha256
    shutil.rmtree(with_saved_model / "saved_model")

    assert open_bundle(with_saved_model, "litert").sha256 == before


def test_a_bundle_without_the_saved_model_is_refused_for_tensorflow(with_saved_model):
    shutil.rmtree(with_saved_model / "saved_model")

    with pytest.raises(BundleInvalid, match=r"saved_model\.pb cannot be read"):
        open_bundle(with_saved_model, "tensorflow")


def test_a_changed_saved_model_is_refused_for_tensorflow(with_saved_model):
    (with_saved_model / "saved_model" / "saved_model.pb").write_bytes(b"another graph")

    with pytest.raises(BundleInvalid, match=r"saved_model\.pb is not the file"):
        open_bundle(with_saved_model, "tensorflow")


def test_a_config_that_names_no_weights_for_the_runtime_is_refused(folder):
    with pytest.raises(BundleInvalid, match="names no saved_model/"):
        open_bundle(folder, "tensorflow")


def test_a_missing_folder_names_its_remedy(tmp_path):
    with pytest.raises(BundleInvalid, match=r"train it again \(models/README\.md\)"):
        open_bundle(tmp_path / "nowhere")


def test_a_config_that_is_not_json_is_refused(folder):
    (folder / "config.json").write_text("{", encoding="utf-8")

    with pytest.raises(BundleInvalid, match="is not JSON"):
        open_bundle(folder)


def test_a_later_format_is_refused(folder):
    change(folder, format=2)

    with pytest.raises(BundleInvalid, match="not of format 1"):
        open_bundle(folder)


def test_a_config_without_inputs_is_refused(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    del config["inputs"]
    write(folder, config)

    with pytest.raises(BundleInvalid, match="lacks inputs"):
        open_bundle(folder)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param({"inputs": []}, id="no inputs"),
        pytest.param({"inputs": [640]}, id="inputs without heights"),
        pytest.param({"threshold": "high"}, id="a threshold in words"),
        pytest.param({"first_threshold": {}}, id="a proposal threshold of no number"),
        pytest.param({"certainty": "sure"}, id="a calibration in words"),
        pytest.param({"certainty": [1.0, 0.0]}, id="a calibration of two numbers"),
        pytest.param({"certainty": [-1.0, 0.0, 0.0]}, id="a calibration that falls"),
        pytest.param({"score_fusion": "firm"}, id="a fusion in words"),
        pytest.param(
            {"score_fusion": {"form_weights": {"sonnet": 1.0}}}, id="a fusion of unknown forms"
        ),
        pytest.param({"files": ["model.tflite"]}, id="files without hashes"),
        pytest.param({"files": None}, id="no files"),
    ],
)
def test_a_config_of_the_wrong_form_is_refused(folder, field):
    change(folder, **field)

    with pytest.raises(BundleInvalid, match=r"config\.json"):
        open_bundle(folder)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd"])
def test_a_file_outside_the_folder_is_never_read(folder, name):
    change(folder, files={name: "0" * 64})

    with pytest.raises(BundleInvalid, match="outside its folder"):
        open_bundle(folder)


def test_a_file_that_is_no_model_is_a_broken_bundle_not_a_crash(folder):
    with pytest.raises(BundleInvalid, match="LiteRT cannot load"):
        LiteRTDetector(open_bundle(folder))


def test_an_unknown_runtime_is_refused():
    with pytest.raises(ValueError, match="litert, tensorflow"):
        open_detector(COMMITTED, "onnx", None)


def test_the_committed_bundle_opens_and_is_small():
    bundle = open_bundle(COMMITTED)

    size = sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file())
    assert size < 6_000_000
    assert bundle.config["colour_order"] == "RGB"


def test_every_file_of_the_committed_bundle_is_hashed():
    named = set(open_bundle(COMMITTED).config["files"])

    files = {p.relative_to(COMMITTED).as_posix() for p in COMMITTED.rglob("*") if p.is_file()}
    assert files == named | {"config.json"}


def test_a_copied_bundle_is_the_same_model(tmp_path):
    shutil.copytree(COMMITTED, tmp_path / "copy")

    assert open_bundle(tmp_path / "copy").sha256 == open_bundle(COMMITTED).sha256
