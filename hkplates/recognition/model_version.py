"""Identifies the model version that an installation reads with, without loading any runtime."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hkplates.errors import RuntimeMissing
from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.bundles.choices import ReaderName, RuntimeName
from hkplates.recognition.reading.factory import reader_version


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """Everything that readings depend on; equal versions read every photograph alike.

    `detector` is the hash of the detector's bundle, `reader` the reader's own version string, and
    `config` holds plain JSON values. Stored once for each digest of the three in the table
    `model_versions`.
    """

    detector: str
    reader: str
    config: Mapping[str, object]


def installed_version(
    models: Path, runtime: RuntimeName, threshold: float | None, reader: ReaderName
) -> ModelVersion:
    """Returns the version of what `open_recogniser` would open with the same arguments.

    Raises:
        BundleInvalid, TesseractMissing: the installation lacks something.
    """
    detector = open_bundle(models / "detector" / "bundle", runtime)
    return ModelVersion(
        detector.sha256, reader_version(models, reader), version_config(runtime, threshold)
    )


def version_config(runtime: RuntimeName, threshold: float | None) -> dict[str, object]:
    """Returns a version's `config`; `threshold` is None where the detector bundle's own counts.

    OpenCV and LiteRT are recorded by major and minor version (docs/decisions/0014).

    Raises:
        RuntimeMissing: OpenCV or LiteRT is not installed.
    """
    return {
        "hkplates": version("hkplates"),
        "litert": _release("ai_edge_litert", LITERT_PACKAGES),
        "opencv": _release("cv2", OPENCV_PACKAGES),
        "runtime": runtime,
        "threshold": threshold,
    }


OPENCV_PACKAGES = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
LITERT_PACKAGES = ("ai-edge-litert", "ai-edge-litert-nightly")


def _release(module: str, packages: Sequence[str]) -> str:
    """Returns major and minor version ("5.0") of a library, from its package's metadata."""
    found = {text for name in packages if (text := _installed(name))}
    if len(found) != 1:
        # None of these packages, or several that overwrite each other: the module itself knows.
        try:
            found = {str(import_module(module).__version__)}
        except ImportError:
            raise RuntimeMissing(
                f"{packages[0]} is not installed. Install hkplates with what it depends on."
            ) from None
    return ".".join(found.pop().split(".")[:2])


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
