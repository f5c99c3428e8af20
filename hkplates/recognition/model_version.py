"""Identifies the model version that an installation reads with, without loading any runtime."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.bundles.choices import ReaderName, RuntimeName
from hkplates.recognition.bundles.releases import required_release
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
        SetupError: the installation lacks something.
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
        "litert": required_release("ai_edge_litert", LITERT_PACKAGES),
        "opencv": required_release("cv2", OPENCV_PACKAGES),
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
