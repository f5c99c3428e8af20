"""Open a reader by its name."""

from collections.abc import Sequence
from pathlib import Path

from hkplates.recognition.bundles.choices import ReaderName
from hkplates.recognition.reading.ensemble import BothReaders
from hkplates.recognition.types import (
    Crop,
    Reader,
    TextReading,
)


class NoReader:
    """Leaves every plate unread: for those who only want to know where plates are."""

    name = "none"
    version = "none"

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """An empty reading for each crop."""
        return [TextReading("", 0.0, (), 1) for _ in crops]


def open_reader(models: Path, name: ReaderName) -> Reader:
    """The reader of that name.

    Raises:
        BundleInvalid, TesseractMissing: the installation lacks what this reader needs.
    """
    if name == "none":
        return NoReader()
    if name == "both":
        from hkplates.recognition.reading.tesseract.reader import TesseractReader

        second = TesseractReader(models / "tesseract" / "bundle")
        return BothReaders(open_reader(models, "neural"), second, second.agreement)
    if name == "tesseract":
        from hkplates.recognition.reading.tesseract.reader import TesseractReader

        return TesseractReader(models / "tesseract" / "bundle")
    from hkplates.recognition.reading import neural as reader

    return reader.open_reader(models / "reader" / "bundle")
