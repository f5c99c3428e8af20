"""Opens PP-OCR's bundle: config.json alone, since its weights come with another package.

::

    bundle/
      config.json   "weights": the hash of the weights that the rest was fitted to; "decoder": prior
                    and calibration; "agreement": the ensemble's calibration
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

FORMAT = 1

FEATURE_COUNT = 4
"""Features that a confidence is fitted on (`decoding.confidence_features`)."""


@dataclass(frozen=True, slots=True)
class DecoderWeights:
    """What is added to a candidate's log probability, and the calibration of the best one.

    `prior` has it by `reading.decoding.prior_terms`; `one_row` is for what was read as one row on a
    plate of the form for two. `calibration` has the weights of `decoding.confidence_features` in a
    logistic regression on being right.
    """

    prior: Mapping[str, float]
    one_row: float
    calibration: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PpOcrData:
    """An opened bundle.

    `sha256` is config.json's, `weights_sha256` that of the weights that it was fitted to.
    """

    weights_sha256: str
    decoder: DecoderWeights
    agreement: AgreementCalibration
    sha256: str


def open_data(folder: Path) -> PpOcrData:
    """Opens the folder.

    Raises:
        BundleInvalid: config.json is missing, unreadable, or not of this format.
    """
    path = folder / CONFIG
    try:
        text = path.read_bytes()
    except OSError as error:
        raise BundleInvalid(f"{path} cannot be read: {error.strerror}. {REMEDY}") from None
    try:
        config = json.loads(text)
        if config["format"] != FORMAT:
            raise ValueError(f"format {config['format']}")
        return PpOcrData(
            weights_sha256=str(config["weights"]["sha256"]),
            decoder=_parse_decoder(config["decoder"]),
            agreement=_parse_agreement(config["agreement"]),
            sha256=sha256_of(text),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleInvalid(
            f"{path} is not of format {FORMAT} ({type(error).__name__}: {error}). {REMEDY}"
        ) from None


def _parse_decoder(values: Mapping[str, Any]) -> DecoderWeights:
    names = list(values["prior"])
    prior = _parse_numbers([values["prior"][name] for name in names], len(names))
    return DecoderWeights(
        prior=dict(zip(names, prior, strict=True)),
        one_row=_parse_numbers([values["one_row"]], 1)[0],
        calibration=_parse_numbers(values["calibration"], FEATURE_COUNT),
    )


def _parse_agreement(values: Mapping[str, Any]) -> AgreementCalibration:
    agreed, differed, followed = (
        _parse_numbers(values[name], 3) for name in ("agreed", "differed", "followed")
    )
    return AgreementCalibration(
        (agreed[0], agreed[1], agreed[2]),
        (differed[0], differed[1], differed[2]),
        (followed[0], followed[1], followed[2]),
    )


def _parse_numbers(values: Sequence[Any], count: int) -> tuple[float, ...]:
    """Returns the values as floats; raises ValueError unless they are `count` finite numbers."""
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"expected {count} numbers, got {values}")
    return numbers
