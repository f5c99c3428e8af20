"""Recognises the plates of photographs: detector, reader, score fusion and marks together."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hkplates.recognition import marks
from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.bundles.choices import ReaderName, RuntimeName
from hkplates.recognition.completeness import find_gaps
from hkplates.recognition.detection.plate_colour import classify_colour
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.model_version import ModelVersion, version_config
from hkplates.recognition.reading.factory import open_reader
from hkplates.recognition.score_fusion import UNREAD_THRESHOLD, ScoreFusion
from hkplates.recognition.types import (
    MAX_INCOMPLETE_CONFIDENCE,
    DetectedPlate,
    Detection,
    Detector,
    Photo,
    PlateReading,
    Reader,
    Region,
    TextReading,
)


class Recogniser:
    """Finds and reads the plates of photographs; the one class a caller needs."""

    def __init__(
        self,
        detector: Detector,
        reader: Reader,
        config: Mapping[str, object] | None = None,
        score_fusion: ScoreFusion | None = None,
    ) -> None:
        """Puts a detector and a reader together; `config` is what else readings depend on.

        It is kept in `version`. `score_fusion` decides which detections are Hong Kong plates once
        they are read; without one the detector's score decides.
        """
        self._detector = detector
        self._reader = reader
        self.score_fusion = score_fusion or ScoreFusion()
        self.version = ModelVersion(detector.sha256, reader.version, dict(config or {}))

    def recognise(self, photos: Sequence[Photo]) -> list[list[PlateReading]]:
        """Returns the plates of each photograph; all of them are read in one call of the reader."""
        found = [self.find(photo) for photo in photos]
        readings = iter(self.read([plate for plates in found for plate in plates]))
        return [[next(readings) for _ in plates] for plates in found]

    def find(self, photo: Photo) -> list[DetectedPlate]:
        """Detects and crops the plates of one photograph, left to right, then top to bottom.

        Quads are in pixels of the photograph and may reach a little beyond its edge. Crops are
        small: keep those of many photographs, drop the photographs, and `read` them together.
        """
        detections = sorted(self._detector.detect(photo), key=_reading_order)
        size = photo.shape[1], photo.shape[0]
        return [
            DetectedPlate(detection, rectify(photo, detection.quad), size)
            for detection in detections
        ]

    def read(self, found: Sequence[DetectedPlate]) -> list[PlateReading]:
        """Returns one reading for each plate, in order, from one call of the reader.

        A plate that cannot be read is reported with an empty mark: nothing found is hidden. A
        `detector_score` is how likely it is what the detector took it for, a Hong Kong plate (then
        what was read is taken into account) or another place's; times the reader's confidence it is
        the `confidence` that all of the mark is right, of which a plate that is not seen whole
        (completeness.py) gets MAX_INCOMPLETE_CONFIDENCE.
        """
        readings = self._reader.read([plate.crop for plate in found])
        return [self._plate(plate, reading) for plate, reading in zip(found, readings, strict=True)]

    def _plate(self, plate: DetectedPlate, reading: TextReading) -> PlateReading:
        mark, detection = marks.canonical(reading.text), plate.detection
        gaps, score, region = self._judge(plate, reading)
        return PlateReading(
            mark=mark,
            text=reading.text,
            region=region,
            # What is seen of one series may be a whole mark of another: ?4086 is no numeral.
            series="unknown" if gaps else marks.series(mark),
            rows=reading.rows,
            colour=classify_colour(plate.crop),
            confidence=score * reading.confidence * (MAX_INCOMPLETE_CONFIDENCE if gaps else 1.0),
            character_confidences=reading.character_confidences,
            candidates=reading.candidates,
            quad=detection.quad,
            detector_score=score,
            reader=self._reader.name,
            gaps=gaps,
        )

    def _judge(
        self, plate: DetectedPlate, reading: TextReading
    ) -> tuple[tuple[int, ...], float, Region]:
        """Returns the gaps, the score and the region of a detection once it is read."""
        detection = plate.detection
        prior = detection.hong_kong_score
        if prior is None:
            # A detector that does not tell: another place's plate is one, whatever it reads as.
            prior = detection.score if detection.region == "HK" else 0.0
        looks_so = prior >= UNREAD_THRESHOLD
        # A part of a mark has another form than the mark, so that only the looks tell whose it is.
        if looks_so and (gaps := find_gaps(plate, reading, "HK")):
            return gaps, prior, "HK"
        score = self.score_fusion.probability(prior, reading)
        if self.score_fusion.is_hong_kong(prior, reading):
            return find_gaps(plate, reading, "HK"), score, "HK"
        region: Region = "other" if detection.region == "HK" else detection.region
        own_score = score if detection.region == "HK" else detection.score
        return find_gaps(plate, reading, region), own_score, region


def _reading_order(detection: Detection) -> tuple[float, float]:
    box = detection.quad.bounds()
    return (box.left, box.top)


def open_recogniser(
    models: Path, runtime: RuntimeName, threshold: float | None, reader: ReaderName
) -> Recogniser:
    """Opens a recogniser with the detector and the reader under `models`.

    `threshold` replaces the detector bundle's own where given. The neural reader runs in LiteRT
    whatever runs the detector.

    Raises:
        SetupError: the installation lacks something.
    """
    # Here and not above, so that a caller with a detector of its own need not have LiteRT.
    from hkplates.recognition.detection.detector import open_detector

    folder = models / "detector" / "bundle"
    detector = open_detector(folder, runtime, threshold)
    score_fusion = open_bundle(folder, runtime).score_fusion
    config = version_config(runtime, threshold)
    return Recogniser(detector, open_reader(models, reader), config, score_fusion)
