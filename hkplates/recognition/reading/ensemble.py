"""Combines two readers: the neural one reads every plate, Tesseract those it is unsure of.

They fail differently, so that a plate on which they agree is hardly misread. Where they differ the
neural reading stays, with a lower confidence, and Tesseract's becomes a candidate: on plates that
neither was trained on Tesseract was right too seldom there to be followed.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from hkplates.recognition.calibration import AgreementCalibration
from hkplates.recognition.marks import canonical
from hkplates.recognition.reading.versions import ensemble_version
from hkplates.recognition.types import MAX_CANDIDATES, Candidate, Crop, Reader, TextReading

SECOND_READER_BELOW = 0.95
"""Confidence of the first reader below which the second one is asked."""


class EnsembleReader:
    """A reader that asks a second one where the first one's confidence is low."""

    name = "both"

    def __init__(self, first: Reader, second: Reader, agreement: AgreementCalibration) -> None:
        """Takes the reader of all plates, and that of those below SECOND_READER_BELOW.

        `agreement` is fitted on their confidences (models/ensemble.py).
        """
        self._first, self._second, self._agreement = first, second, agreement
        self.version = ensemble_version(first.version, second.version)

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """Returns one reading for each crop, in order; calls each reader once."""
        readings = self._first.read(crops)
        # Where the first one reads no text there is none: most are plates of other places.
        unsure = [
            i for i, r in enumerate(readings) if r.text and r.confidence < SECOND_READER_BELOW
        ]
        for i, other in zip(unsure, self._second.read([crops[i] for i in unsure]), strict=True):
            readings[i] = combine(readings[i], other, self._agreement)
        return readings


def combine(
    first: TextReading, second: TextReading, agreement: AgreementCalibration
) -> TextReading:
    """Combines two readings of one plate, whose confidences are probabilities."""
    if not second.text:
        return first
    agree = canonical(first.text) == canonical(second.text)
    confidence = agreement.confidence(first.confidence, second.confidence, agree=agree)
    return _with_confidence(first, second, confidence)


def _with_confidence(first: TextReading, second: TextReading, confidence: float) -> TextReading:
    """Returns the first reading with this confidence, and the candidates of both behind it."""
    known = {canonical(first.text)}
    behind = []
    # Of candidates that are one mark the surest stays.
    for one in sorted((*first.candidates[1:], *second.candidates), key=lambda c: -c.confidence):
        if canonical(one.text) not in known:
            known.add(canonical(one.text))
            behind.append(one)
    behind = behind[: MAX_CANDIDATES - 1]
    # All together have a probability of one: the others share what the first leaves.
    left = (1 - confidence) / max(1e-9, sum(one.confidence for one in behind))
    shares = [min(confidence, one.confidence * min(left, 1.0)) for one in behind]
    others = [Candidate(one.text, share) for one, share in zip(behind, shares, strict=True)]
    return replace(
        first,
        confidence=confidence,
        character_confidences=_scale_to_product(first.character_confidences, confidence),
        candidates=(Candidate(first.text, confidence), *others),
    )


def _scale_to_product(characters: Sequence[float], confidence: float) -> tuple[float, ...]:
    """Raises all probabilities to the one power that makes `confidence` their product.

    The least sure characters stay the least sure.
    """
    logs = [math.log(min(max(one, 1e-6), 1 - 1e-6)) for one in characters]
    power = math.log(max(confidence, 1e-6)) / sum(logs) if logs else 1.0
    return tuple(math.exp(one * power) for one in logs)
