"""Opens readers by name, and tells their versions without loading what reads.

Standard library alone when imported: what brings NumPy, OpenCV or LiteRT with it is imported by the
functions that open a reader.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hkplates.errors import SecondReaderMissing
from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.bundles.choices import ReaderName, SecondReaderName
from hkplates.recognition.reading.ppocr import bundle as ppocr_bundle
from hkplates.recognition.reading.ppocr import weights as ppocr_weights
from hkplates.recognition.reading.tesseract import bundle as tesseract_bundle
from hkplates.recognition.reading.tesseract import program as tesseract_program
from hkplates.recognition.reading.versions import (
    NO_READER,
    ensemble_version,
    neural_version,
    ppocr_version,
    tesseract_version,
)

if TYPE_CHECKING:
    from hkplates.recognition.reading.ensemble import SecondReader
    from hkplates.recognition.types import Reader


def open_reader(models: Path, name: ReaderName) -> "Reader":
    """Opens the reader of that name with its bundle under `models`.

    Raises:
        SetupError: the installation lacks what this reader needs.
    """
    return READERS[name].open(models)


def reader_version(models: Path, name: ReaderName) -> str:
    """Returns the `version` of the reader that `open_reader` would open with these arguments.

    Raises:
        SetupError: the installation lacks what this reader needs.
    """
    return READERS[name].version(models)


def installed_second() -> SecondReaderName:
    """Returns the second reader that the ensemble asks: of those installed, the first.

    Raises:
        SecondReaderMissing: none is installed.
    """
    for name, entry in SECOND_READERS.items():
        if entry.is_installed():
            return name
    raise SecondReaderMissing(
        "the reader both needs a second one, and none is installed. "
        f"For PP-OCR, {ppocr_weights.INSTALL}; for Tesseract, {tesseract_program.INSTALL}"
    )


class ReaderEntry(NamedTuple):
    """The two things done with a reader's name; both take the folder of all models."""

    open: Callable[[Path], "Reader"]
    version: Callable[[Path], str]


class SecondReaderEntry(NamedTuple):
    """A reader that the ensemble may ask, and whether this machine has what it needs."""

    open: Callable[[Path], "SecondReader"]
    version: Callable[[Path], str]
    is_installed: Callable[[], bool]


def _open_neural(models: Path) -> "Reader":
    from hkplates.recognition.reading import neural

    return neural.open_reader(_neural_folder(models))


def _open_tesseract(models: Path) -> "SecondReader":
    from hkplates.recognition.reading.tesseract.reader import TesseractReader

    return TesseractReader(_tesseract_folder(models))


def _open_ppocr(models: Path) -> "SecondReader":
    from hkplates.recognition.reading.ppocr import reader

    return reader.open_reader(_ppocr_folder(models))


def _open_ensemble(models: Path) -> "Reader":
    from hkplates.recognition.reading.ensemble import EnsembleReader

    second = SECOND_READERS[installed_second()].open(models)
    return EnsembleReader(_open_neural(models), second, second.agreement)


def _open_no_reader(_models: Path) -> "Reader":
    from hkplates.recognition.reading.no_reader import NoReader

    return NoReader()


def _neural_version(models: Path) -> str:
    return neural_version(open_bundle(_neural_folder(models)).sha256)


def _tesseract_version(models: Path) -> str:
    program = tesseract_program.program_version()
    data = tesseract_bundle.open_data(_tesseract_folder(models))
    return tesseract_version(program, data.sha256)


def _ppocr_version(models: Path) -> str:
    data = ppocr_bundle.open_data(_ppocr_folder(models))
    runtime = ppocr_weights.runtime_release()
    ppocr_weights.read_weights(data.weights_sha256)  # checked, as `open_reader` does
    return ppocr_version(runtime, data.sha256)


def _ensemble_version(models: Path) -> str:
    return ensemble_version(
        _neural_version(models), SECOND_READERS[installed_second()].version(models)
    )


def _no_reader_version(_models: Path) -> str:
    return NO_READER


def _neural_folder(models: Path) -> Path:
    return models / "reader" / "bundle"


def _tesseract_folder(models: Path) -> Path:
    return models / "tesseract" / "bundle"


def _ppocr_folder(models: Path) -> Path:
    return models / "ppocr" / "bundle"


SECOND_READERS: Mapping[SecondReaderName, SecondReaderEntry] = {
    "ppocr": SecondReaderEntry(_open_ppocr, _ppocr_version, ppocr_weights.is_installed),
    "tesseract": SecondReaderEntry(
        _open_tesseract, _tesseract_version, tesseract_program.is_installed
    ),
}
"""What the ensemble may ask, the one first that is worth more (docs/decisions/0016)."""

READERS: Mapping[ReaderName, ReaderEntry] = {
    "neural": ReaderEntry(_open_neural, _neural_version),
    "tesseract": ReaderEntry(_open_tesseract, _tesseract_version),
    "ppocr": ReaderEntry(_open_ppocr, _ppocr_version),
    "both": ReaderEntry(_open_ensemble, _ensemble_version),
    "none": ReaderEntry(_open_no_reader, _no_reader_version),
}
