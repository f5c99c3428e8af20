"""Opens Tesseract's bundle: a folder with the network, and config.json, which names it.

::

    bundle/
      config.json           weights of the vote, calibration of the ensemble ("agreement"), how the
                            network was trained, and "files": the SHA-256 of every file beside it
      hkplates.traineddata  Tesseract's network and its characters
      configs/hocr          tells Tesseract to write hOCR
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.bundle import CONFIG, REMEDY, sha256_of
from hkplates.recognition.calibration import AgreementCalibration

LANGUAGE = "hkplates"
FORMAT = 1
FILES = (f"{LANGUAGE}.traineddata", "configs/hocr")

FEATURE_COUNT = 6
"""Features that a confidence is fitted on (`voting.voting_features`)."""


@dataclass(frozen=True, slots=True)
class VotingWeights:
    """Factors of votes, and the weights of `voting.voting_features` in a logistic regression.

    `clean` is the factor of views with clean preprocessing, `one_row` of one row on a plate of the
    form for two, `personalised` of marks of no other series, `exchanged` of a usual mark in place
    of the one that was read. A vote is a reading's probability to the power of `sharpness`.
    """

    sharpness: float
    clean: float
    one_row: float
    personalised: float
    exchanged: float
    calibration: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TesseractData:
    """An opened bundle, whose files are what its config says; `sha256` is config.json's."""

    folder: Path
    weights: VotingWeights
    agreement: AgreementCalibration
    sha256: str


def open_data(folder: Path) -> TesseractData:
    """Opens the folder and checks every file against its hash.

    Raises:
        BundleInvalid: naming the file that is missing, unreadable or not what it should be.
    """
    path = folder / CONFIG
    text = _read(path)
    try:
        config = json.loads(text)
        weights = _parse_weights(config["weights"])
        agreed, differed = (
            _parse_numbers(config["agreement"][k], 3) for k in ("agreed", "differed")
        )
        files: Mapping[str, str] = {name: config["files"][name] for name in FILES}
        if config["format"] != FORMAT:
            raise ValueError(f"format {config['format']}")
    except (KeyError, TypeError, ValueError) as error:
        raise BundleInvalid(
            f"{path} is not of format {FORMAT} ({type(error).__name__}: {error}). {REMEDY}"
        ) from None
    for name, expected in files.items():
        if sha256_of(_read(folder / name)) != expected:
            raise BundleInvalid(f"{folder / name} is not the file that {CONFIG} names. {REMEDY}")
    agreement = AgreementCalibration(
        (agreed[0], agreed[1], agreed[2]), (differed[0], differed[1], differed[2])
    )
    return TesseractData(folder, weights, agreement, sha256_of(text))


def _parse_weights(values: Mapping[str, Any]) -> VotingWeights:
    names = [name for name in values if name != "calibration"]
    numbers = dict(zip(names, _parse_numbers([values[name] for name in names], 5), strict=True))
    return VotingWeights(
        **numbers, calibration=_parse_numbers(values["calibration"], FEATURE_COUNT)
    )


def _parse_numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    """Returns the values as floats; raises ValueError unless they are `count` finite numbers."""
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"expected {count} numbers, got {values}")
    return numbers


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleInvalid(f"{path} cannot be read: {error.strerror}. {REMEDY}") from None
