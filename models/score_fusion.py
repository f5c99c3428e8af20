"""Fits score calibration and score fusion on photographs held out from the detector's training.

    python -m models.score_fusion --data DATA [--bundle FOLDER] [--reader FOLDER]

To be run when detector, refiner and reader are trained: fits the score calibration anew, and then
the fusion of score and reading (hkplates/recognition/score_fusion.py), into the config of the
detector's bundle. The reader was trained on these plates and is surer of them than of new ones;
fitted on photographs of dev instead the weights are much the same.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.bundles.bundle import CONFIG as CONFIG_NAME
from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import LiteRTDetector
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.neural import open_reader
from hkplates.recognition.score_fusion import FORMS, ScoreFusion, fusion_features
from hkplates.recognition.types import Detector, Reader, TextReading
from models import logistic_regression
from models.detector.calibrate import fit_calibration, hard_copies, is_hong_kong_plate
from models.detector.dataset import LabelledPhoto, read_data
from models.detector.evaluate import BUNDLE
from models.detector.train import CONFIG, read_config
from models.reader.export import write_config

READER = Path(__file__).parent / "reader" / "bundle"
READING_THRESHOLD = 0.15  # score of detections that are read: below it hardly any is a plate
TRAINING_THRESHOLD = 0.03  # of detections fitted on: false ones are rare above READING_THRESHOLD
THRESHOLDS = np.arange(0.1, 0.91, 0.05).round(2)  # to choose from, of P(Hong Kong plate)
MISS_COST = 2.0  # of a plate missed, in reports too many
RIDGE = 4.0
FOLDS = 8  # of the photographs, in cross-validation

PRIOR = np.array([0.75, 0.35, 3.5, 0.5, 1.5, -1.5, -1.0, 0.0, -2.0, -4.0, -1.5])
"""Weights towards which the fit is held: score, reading, each of FORMS, bias.

Few plates of most forms are held back. Fitted on all of train's photographs and backgrounds with
networks that had not seen its strangers' photographs. The weight of street words, of which
photographs show few, is set by hand.
"""


@dataclass(frozen=True, slots=True)
class LabelledDetection:
    """A detection with its reading, and whether it is a Hong Kong plate.

    `score` is the detector's probability that it is one.
    """

    photo: str
    score: float
    reading: TextReading
    is_hong_kong: bool


def label_detections(
    photos: Sequence[LabelledPhoto], detector: Detector, reader: Reader
) -> list[LabelledDetection]:
    """Detects and reads plates on labelled photographs, and labels each detection.

    Detections that the labels leave open are left out.
    """
    labelled = []
    for photo in photos:
        detections = [d for d in detector.detect(photo.pixels) if d.hong_kong_score is not None]
        readings = reader.read([rectify(photo.pixels, d.quad) for d in detections])
        for detection, reading in zip(detections, readings, strict=True):
            right = is_hong_kong_plate(photo, detection.quad.bounds())
            score = detection.hong_kong_score
            if right is not None and score is not None:
                labelled.append(LabelledDetection(photo.file, score, reading, right))
    return labelled


def fit(detections: Sequence[LabelledDetection]) -> ScoreFusion:
    """Fits the fusion on detections with text, the only ones that it is applied to."""
    read = [d for d in detections if d.reading.text]
    seen = np.array([fusion_features(d.score, d.reading) for d in read]).reshape(-1, len(PRIOR))
    right = np.array([d.is_hong_kong for d in read], float)
    line = logistic_regression.fit(seen, right, prior=PRIOR, ridge=RIDGE)
    score, reading, *forms, bias = (round(float(value), 3) for value in line)
    return ScoreFusion(
        max(score, 0.0),
        max(reading, 0.0),
        dict(zip(FORMS, forms, strict=True)),
        bias,
    )


def choose_threshold(detections: Sequence[LabelledDetection]) -> float:
    """Chooses the probability with the fewest faults by cross-validation; of equals the middle one.

    A plate missed is as bad as MISS_COST reports too many.
    """
    read = [d for d in detections if d.reading.text]
    right = np.array([d.is_hong_kong for d in read], bool)
    probability = np.array(cross_validate(read, detections))
    faults = {}
    for threshold in THRESHOLDS.tolist():
        called = probability >= threshold
        missed, wrong = int((right & ~called).sum()), int((~right & called).sum())
        faults[threshold] = MISS_COST * missed + wrong
        print(f"from {threshold:.2f} on: {missed} missed and {wrong} too many")
    best = [t for t, number in faults.items() if number == min(faults.values())]
    return best[len(best) // 2]


def cross_validate(
    asked: Sequence[LabelledDetection], detections: Sequence[LabelledDetection]
) -> list[float]:
    """Returns the probability of each one `asked`, as fitted on the other folds of `detections`."""
    names = sorted({d.photo for d in detections})
    fold_of = {name: number % FOLDS for number, name in enumerate(names)}
    others = [[d for d in detections if fold_of[d.photo] != fold] for fold in range(FOLDS)]
    fusions = [fit(some) for some in others]
    return [fusions[fold_of[d.photo]].probability(d.score, d.reading) for d in asked]


def print_evaluation(detections: Sequence[LabelledDetection]) -> None:
    """Prints the log loss of the score alone and of the fusion, by cross-validation."""
    read = [d for d in detections if d.reading.text and d.score >= READING_THRESHOLD]
    right = np.array([d.is_hong_kong for d in read])
    probabilities = {
        "score alone": [d.score for d in read],
        "with what is read": cross_validate(read, detections),
    }
    for name, values in probabilities.items():
        probability = np.clip(values, 1e-4, 1 - 1e-4)
        loss = -np.log(np.where(right, probability, 1 - probability)).mean()
        print(f"{name}: loss {loss:.3f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, fits, and writes the config."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--bundle", type=Path, default=BUNDLE, help="of the detector")
    cli.add_argument("--reader", type=Path, default=READER, help="bundle of the neural reader")
    cli.add_argument("--config", type=Path, default=CONFIG, help="of the detector's training")
    given = cli.parse_args(arguments)
    cv2.setNumThreads(1)
    held = read_data(given.data, read_config(given.config))[1]
    every = [*held, *hard_copies(held)]
    proposer = LiteRTDetector(open_bundle(given.bundle))
    calibration = fit_calibration(every, [proposer.propose(photo.pixels) for photo in every])
    _write(given.bundle, {"certainty": list(astuple(calibration)), "threshold": READING_THRESHOLD})
    detector = LiteRTDetector(open_bundle(given.bundle), TRAINING_THRESHOLD)
    labelled = label_detections(every, detector, open_reader(given.reader))
    print(f"{sum(d.is_hong_kong for d in labelled)} of {len(labelled)} are Hong Kong plates")
    print_evaluation(labelled)
    fusion = replace(fit(labelled), threshold=choose_threshold(labelled))
    _write(given.bundle, {"score_fusion": asdict(fusion)})
    print(f"{given.bundle}: {calibration}, {fusion}, {open_bundle(given.bundle).sha256}")


def _write(bundle: Path, values: dict[str, object]) -> None:
    described = json.loads((bundle / CONFIG_NAME).read_text(encoding="utf-8"))
    write_config(bundle, {**described, **values})


if __name__ == "__main__":
    main()
