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
from hkplates.recognition.recogniser import open_recogniser
from hkplates.settings import PROJECT

MODELS = PROJECT / "models"


@pytest.mark.parametrize("threshold", [None, 0.25])
@pytest.mark.parametrize("reader", ["neural", "none", "tesseract", "both"])
def test_it_is_that_of_the_recogniser(reader: ReaderName, threshold: float | None) -> None:
    if reader in ("tesseract", "both") and shutil.which("tesseract") is None:
        pytest.skip("the tesseract program is not installed")
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


@pytest.mark.parametrize("reader", ["neural", "none", "tesseract", "both"])
def test_nothing_that_reads_is_loaded_to_tell_it(reader: ReaderName) -> None:
    if reader in ("tesseract", "both") and shutil.which("tesseract") is None:
        pytest.skip("the tesseract program is not installed")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hkplates.recognition.model_version import installed_version\n"
        f"installed_version(Path({str(MODELS)!r}), 'litert', None, {reader!r})\n"
        "print({'cv2', 'ai_edge_litert', 'tensorflow', 'numpy'} & set(sys.modules))\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "set()\n"), told.stderr
