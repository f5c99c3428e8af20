"""The version that is told without loading anything is the one that workers write."""

import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.choices import ReaderName
from hkplates.recognition.model_version import installed_version
from hkplates.recognition.reading import factory
from hkplates.recognition.reading.factory import SECOND_READERS
from hkplates.recognition.recogniser import open_recogniser
from hkplates.settings import PROJECT

MODELS = PROJECT / "models"


READERS = ("neural", "none", "tesseract", "ppocr", "both")


def skip_without(reader: ReaderName) -> None:
    if reader in ("tesseract", "both") and not SECOND_READERS["tesseract"].is_installed():
        pytest.skip("the tesseract program is not installed")
    if reader in ("ppocr", "both") and not SECOND_READERS["ppocr"].is_installed():
        pytest.skip("PP-OCR is not installed: pip install 'hkplates[ppocr]'")


@pytest.mark.parametrize("threshold", [None, 0.25])
@pytest.mark.parametrize("reader", READERS)
def test_it_is_that_of_the_recogniser(reader: ReaderName, threshold: float | None) -> None:
    skip_without(reader)
    opened = open_recogniser(MODELS, "litert", threshold, reader)
    assert installed_version(MODELS, "litert", threshold, reader) == opened.version


def test_a_changed_bundle_is_another_version(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "detector" / "bundle", tmp_path / "detector" / "bundle")
    config = tmp_path / "detector" / "bundle" / "config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    ours, theirs = (
        asdict(installed_version(m, "litert", None, "none")) for m in (MODELS, tmp_path)
    )
    assert {name for name in ours if ours[name] != theirs[name]} == {"detector"}


def test_without_models_it_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalid, match=r"config\.json"):
        installed_version(tmp_path, "litert", None, "neural")


@pytest.mark.parametrize("missing", ["ppocr", "tesseract", "no second reader"])
def test_the_ensemble_is_another_version_with_another_second_reader(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without("both")
    monkeypatch.setattr(
        factory,
        "SECOND_READERS",
        {
            name: entry._replace(is_installed=lambda name=name: name != missing)
            for name, entry in SECOND_READERS.items()
        },
    )
    second: ReaderName = "tesseract" if missing == "ppocr" else "ppocr"
    told = installed_version(MODELS, "litert", None, "both")
    assert told == open_recogniser(MODELS, "litert", None, "both").version
    expected = [installed_version(MODELS, "litert", None, r).reader for r in ("neural", second)]
    assert told.reader == " ".join(["both", *expected])


@pytest.mark.parametrize("reader", READERS)
def test_nothing_that_reads_is_loaded_to_tell_it(reader: ReaderName) -> None:
    skip_without(reader)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hkplates.recognition.model_version import installed_version\n"
        f"installed_version(Path({str(MODELS)!r}), 'litert', None, {reader!r})\n"
        "heavy = {'cv2', 'ai_edge_litert', 'tensorflow', 'numpy', 'onnxruntime', 'rapidocr'}\n"
        "print(heavy & set(sys.modules))\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "set()\n"), told.stderr
