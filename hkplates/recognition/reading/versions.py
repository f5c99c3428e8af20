"""Builds the version strings of readers from what they consist of, without loading any of it.

Readers call these for their `version`, the factory for the version of a reader that is not opened:
both must give the same string, since it is part of the model version's digest.
"""

NO_READER = "none"


def neural_version(sha256: str) -> str:
    """Returns the neural reader's version; `sha256` is its bundle's."""
    return f"neural {sha256}"


def tesseract_version(program: str, sha256: str) -> str:
    """Returns the version of Tesseract as a reader: the program's own ("5.3.0"), its bundle's."""
    return f"tesseract {program} {sha256}"


def ppocr_version(runtime: str, sha256: str) -> str:
    """Returns the version of PP-OCR as a reader: ONNX Runtime's release ("1.32"), its bundle's."""
    return f"ppocr {runtime} {sha256}"


def ensemble_version(first: str, second: str) -> str:
    """Returns the version of an ensemble of two readers with these versions."""
    return f"both {first} {second}"
