"""Combines two readers: the neural one reads every plate, a second one those it is unsure of.

They fail differently, so that a plate on which they agree is hardly misread. Where they differ the
reading that is likelier to be right stays, with a lower confidence, and the other becomes a
candidate. PP-OCR is followed so; Tesseract never: of 69 crops of photographed plates, new to both,
on which they differed, it was right on 8, the neural reader on 43.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from hkplates.recognition.calibration import AgreementCalibration, scale_to_product
from hkplates.recognition.marks import canonical
from hkplates.recognition.reading.versions import ensemble_version
from hkplates.recognition.types import MAX_CANDIDATES, Candidate, Crop, Reader, TextReading


class SecondReader(Reader, Protocol):
    """A reader that knows what its agreement with the neural reader is worth."""

    agreement: AgreementCalibration


SECOND_READER_BELOW = 0.95
"""Confidence of the first reader below which the second one is asked."""

MIN_CONFIDENCE_TO_ASK = 0.02
"""Confidence of the first reader below which nobody is asked: there is hardly a plate.

On 277 photographs of train/ 247 readings were doubted, 95 of them below it: none of these was of a
readable Hong Kong plate.
"""


class EnsembleReader:
    """A reader that asks a second one where the first one's confidence is low."""

    name = "both"

    def __init__(self, first: Reader, second: Reader, agreement: AgreementCalibration) -> None:
        """Takes the reader of all plates, and that of those which it doubts (`is_doubted`).

        `agreement` is fitted on their confidences (models/ensemble.py).
        """
        self._first, self._second, self._agreement = first, second, agreement
        self.version = ensemble_version(first.version, second.version)

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """Returns one reading for each crop, in order; calls each reader once."""
        readings = self._first.read(crops)
        # Where the first one reads no text there is none: most are plates of other places.
        unsure = [i for i, reading in enumerate(readings) if is_doubted(reading)]
        for i, other in zip(unsure, self._second.read([crops[i] for i in unsure]), strict=True):
            readings[i] = combine(readings[i], other, self._agreement)
        return readings


def is_doubted(reading: TextReading) -> bool:
    """Checks whether a second reader is to be asked about this reading of the first one."""
    doubted = MIN_CONFIDENCE_TO_ASK <= reading.confidence < SECOND_READER_BELOW
    return doubted and bool(reading.text)


def combine(
    first: TextReading, second: TextReading, agreement: AgreementCalibration
) -> TextReading:
    """Combines two readings of one plate, whose confidences are probabilities."""
    if not second.text:
        return first
    agree = canonical(first.text) == canonical(second.text)
    confidence = agreement.confidence(first.confidence, second.confidence, agree=agree)
    if not agree:
        other = agreement.second_confidence(first.confidence, second.confidence)
        if other > confidence:
            return _with_confidence(second, first, other)
    return _with_confidence(first, second, confidence)


def _with_confidence(kept: TextReading, other: TextReading, confidence: float) -> TextReading:
    """Returns the kept reading with this confidence, and the candidates of both behind it."""
    known = {canonical(kept.text)}
    behind = []
    # Of candidates that are one mark the surest stays.
    for one in sorted((*kept.candidates[1:], *other.candidates), key=lambda c: -c.confidence):
        if canonical(one.text) not in known:
            known.add(canonical(one.text))
            behind.append(one)
    behind = behind[: MAX_CANDIDATES - 1]
    # All together have a probability of one: the others share what the kept one leaves.
    left = (1 - confidence) / max(1e-9, sum(one.confidence for one in behind))
    shares = [min(confidence, one.confidence * min(left, 1.0)) for one in behind]
    others = [Candidate(one.text, share) for one, share in zip(behind, shares, strict=True)]
    return replace(
        kept,
        confidence=confidence,
        character_confidences=scale_to_product(kept.character_confidences, confidence),
        candidates=(Candidate(kept.text, confidence), *others),
    )
