"""Opens readers by name, and tells their versions without loading what reads.

Standard library alone when imported: what brings NumPy, OpenCV or LiteRT with it is imported by the
functions that open a reader.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.bundles.choices import ReaderName
from hkplates.recognition.reading.tesseract.bundle import open_data
from hkplates.recognition.reading.tesseract.program import program_version
from hkplates.recognition.reading.versions import (
    NO_READER,
    ensemble_version,
    neural_version,
    tesseract_version,
)

if TYPE_CHECKING:
    from hkplates.recognition.reading.tesseract.reader import TesseractReader
    from hkplates.recognition.types import Reader


def open_reader(models: Path, name: ReaderName) -> "Reader":
    """Opens the reader of that name with its bundle under `models`.

    Raises:
        BundleInvalid, TesseractMissing: the installation lacks what this reader needs.
    """
    return READERS[name].open(models)


def reader_version(models: Path, name: ReaderName) -> str:
    """Returns the `version` of the reader that `open_reader` would open with these arguments.

    Raises:
        BundleInvalid, TesseractMissing: the installation lacks what this reader needs.
    """
    return READERS[name].version(models)


class ReaderEntry(NamedTuple):
    """The two things done with a reader's name; both take the folder of all models."""

    open: Callable[[Path], "Reader"]
    version: Callable[[Path], str]


def _open_neural(models: Path) -> "Reader":
    from hkplates.recognition.reading import neural

    return neural.open_reader(_neural_folder(models))


def _open_tesseract(models: Path) -> "TesseractReader":
    from hkplates.recognition.reading.tesseract.reader import TesseractReader

    return TesseractReader(_tesseract_folder(models))


def _open_ensemble(models: Path) -> "Reader":
    from hkplates.recognition.reading.ensemble import EnsembleReader

    second = _open_tesseract(models)
    return EnsembleReader(_open_neural(models), second, second.agreement)


def _open_no_reader(_models: Path) -> "Reader":
    from hkplates.recognition.reading.no_reader import NoReader

    return NoReader()


def _neural_version(models: Path) -> str:
    return neural_version(open_bundle(_neural_folder(models)).sha256)


def _tesseract_version(models: Path) -> str:
    program = program_version()
    return tesseract_version(program, open_data(_tesseract_folder(models)).sha256)


def _ensemble_version(models: Path) -> str:
    return ensemble_version(_neural_version(models), _tesseract_version(models))


def _no_reader_version(_models: Path) -> str:
    return NO_READER


def _neural_folder(models: Path) -> Path:
    return models / "reader" / "bundle"


def _tesseract_folder(models: Path) -> Path:
    return models / "tesseract" / "bundle"


READERS: Mapping[ReaderName, ReaderEntry] = {
    "neural": ReaderEntry(_open_neural, _neural_version),
    "tesseract": ReaderEntry(_open_tesseract, _tesseract_version),
    "both": ReaderEntry(_open_ensemble, _ensemble_version),
    "none": ReaderEntry(_open_no_reader, _no_reader_version),
}
