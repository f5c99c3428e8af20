"""Which model version an installation reads with, told without loading any runtime."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.bundles.choices import ReaderName, RuntimeName


@dataclass(frozen=True, slots=True)
class Version:
    """What the readings depend on: `detector` is a hash, `config` holds plain values."""

    detector: str
    reader: str
    config: Mapping[str, object]


def version_of(
    models: Path, runtime: RuntimeName, threshold: float | None, reader: ReaderName
) -> Version:
    """The version of what `open_recogniser` would open with the same arguments.

    Raises:
        BundleInvalid, TesseractMissing: the installation lacks something.
    """
    detector = open_bundle(models / "detector" / "bundle", runtime)
    return Version(detector.sha256, _reader(models, reader), config_of(runtime, threshold))


def config_of(runtime: RuntimeName, threshold: float | None) -> dict[str, object]:
    """What else the readings depend on; `threshold` is None where the bundle's own counts."""
    return {"hkplates": version("hkplates"), "runtime": runtime, "threshold": threshold}


def both_of(first: str, second: str) -> str:
    """The version of two readers together."""
    return f"both {first} {second}"


def _reader(models: Path, name: ReaderName) -> str:
    """What the reader of that name calls its version (a test holds them together)."""
    if name == "none":
        return "none"
    if name == "both":
        return both_of(_reader(models, "neural"), _reader(models, "tesseract"))
    if name == "tesseract":
        # Only here: it brings OpenCV with it.
        from hkplates.recognition.reading.tesseract.reader import TesseractReader

        return TesseractReader(models / "tesseract" / "bundle").version
    return f"neural {open_bundle(models / 'reader' / 'bundle').sha256}"
