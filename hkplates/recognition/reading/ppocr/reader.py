"""Reads plates with PP-OCR's recogniser; see models/ppocr/CARD.md for what it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hkplates.recognition.reading.ppocr.bundle import PpOcrData, open_data
from hkplates.recognition.reading.ppocr.decoding import decode
from hkplates.recognition.reading.ppocr.folding import ClassFolding, LineFrames
from hkplates.recognition.reading.ppocr.lines import Gray, text_lines
from hkplates.recognition.reading.ppocr.weights import read_weights, runtime_release
from hkplates.recognition.reading.versions import ppocr_version
from hkplates.recognition.types import Crop, TextReading


class LineNetwork(Protocol):
    """A recogniser of lines: `characters` has the character of each class but the first, blank."""

    characters: Sequence[str]

    def read_line(self, line: Gray) -> npt.NDArray[np.float32]:
        """Returns the probability of each class in each frame, (frames, classes)."""
        ...


class PpOcrReader:
    """Reads plates of one and two rows with a network of others, which knows no plates."""

    name = "ppocr"

    def __init__(self, data: PpOcrData, network: LineNetwork, runtime: str) -> None:
        """Takes an opened bundle, the network it was fitted to, and its runtime's release."""
        self._weights, self._network = data.decoder, network
        self._folding = ClassFolding(network.characters)
        self.agreement = data.agreement
        self.version = ppocr_version(runtime, data.sha256)

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """Returns one reading for each crop, in order; its text is empty where none is printed."""
        return [decode(self.read_lines(crop), self._weights) for crop in crops]

    def read_lines(self, crop: Crop) -> list[LineFrames]:
        """Runs the network on each line as which the plate may be read."""
        return [
            self._folding.fold(self._network.read_line(line.pixels), line.lower_from, line.squarish)
            for line in text_lines(crop)
        ]


def open_reader(folder: Path) -> PpOcrReader:
    """Opens the reader of a bundle's folder.

    Raises:
        PpOcrMissing: its weights or ONNX Runtime are not installed.
        BundleInvalid: the folder is incomplete or altered.
    """
    data, runtime = open_data(folder), runtime_release()
    weights = read_weights(data.weights_sha256)
    from hkplates.recognition.reading.ppocr.network import Network

    return PpOcrReader(data, Network(weights), runtime)
