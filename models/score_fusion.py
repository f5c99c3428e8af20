"""Settle what a score and a reading are worth, on photographs that the detector did not learn from.

    python -m models.score_fusion --data DATA [--bundle FOLDER] [--reader FOLDER]

To be run when detector, refiner and reader are there: fits the certainty anew, and then which finds
are Hong Kong plates once they are read (hkplates/recognition/score_fusion.py), into the config of
the detector's bundle. The reader has learned from these plates and is surer of them than of new
ones; fitted on photographs of dev instead the factors are much the same.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.bundles.bundle import CONFIG as CONFIG_NAME
from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import LiteRTDetector
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.neural import open_reader
from hkplates.recognition.score_fusion import ScoreFusion, fusion_features
from hkplates.recognition.types import Detector, Reader, TextReading
from models import logistic_regression
from models.detector.calibrate import fit_calibration, hard_copies, is_hong_kong_plate
from models.detector.dataset import LabelledPhoto, read_data
from models.detector.evaluate import BUNDLE
from models.detector.train import CONFIG, read_config
from models.reader.export import write_config

READER = Path(__file__).parent / "reader" / "bundle"
READING_THRESHOLD = 0.15  # score of what is read at all: below it hardly a plate is left
TRAINING_THRESHOLD = (
    0.03  # score of what is learned from: what is no plate is rare among the others
)
FUSION_THRESHOLD = 0.33  # probability of a Hong Kong plate: one missed is as bad as two too many
RIDGE = 0.5
FOLDS = 8  # of the pictures, each judged by what was fitted on the others


@dataclass(frozen=True, slots=True)
class LabelledDetection:
    """What the detector takes for a Hong Kong plate, as it is read, and whether it is one."""

    photo: str
    score: float
    reading: TextReading
    is_hong_kong: bool


def label_detections(
    pictures: Sequence[LabelledPhoto], detector: Detector, reader: Reader
) -> list[LabelledDetection]:
    """All that is taken for Hong Kong plates on pictures whose plates are known."""
    found = []
    for picture in pictures:
        claims = [d for d in detector.detect(picture.pixels) if d.region == "HK"]
        readings = reader.read([rectify(picture.pixels, claim.quad) for claim in claims])
        for claim, reading in zip(claims, readings, strict=True):
            right = is_hong_kong_plate(picture, claim.quad.bounds())
            if right is not None:
                found.append(LabelledDetection(picture.file, claim.score, reading, right))
    return found


def fit(detections: Sequence[LabelledDetection]) -> ScoreFusion:
    """The regression on all that shows text: it is asked of nothing else."""
    read = [find for find in detections if find.reading.text]
    seen = np.array([fusion_features(find.score, find.reading) for find in read]).reshape(-1, 4)
    right = np.array([find.is_hong_kong for find in read], float)
    line = logistic_regression.fit(seen, right, prior=np.array([1.0, 0.0, 0.0, 0.0]), ridge=RIDGE)
    score, reading, lettered, shift = (round(float(value), 3) for value in line)
    return ScoreFusion(max(score, 0.0), max(reading, 0.0), lettered, shift, FUSION_THRESHOLD)


def cross_validate(
    asked: Sequence[LabelledDetection], found: Sequence[LabelledDetection]
) -> list[float]:
    """The probability of each that is asked, by what was `found` on the other pictures."""
    names = sorted({find.photo for find in found})
    part_of = {name: number % FOLDS for number, name in enumerate(names)}
    others = [[f for f in found if part_of[f.photo] != part] for part in range(FOLDS)]
    beliefs = [fit(some) for some in others]
    return [beliefs[part_of[f.photo]].probability(f.score, f.reading) for f in asked]


def print_evaluation(detections: Sequence[LabelledDetection]) -> None:
    """Print what the belief is worth on pictures that it was not fitted on."""
    read = [find for find in detections if find.reading.text and find.score >= READING_THRESHOLD]
    right = np.array([find.is_hong_kong for find in read])
    told = {
        "score alone": [f.score for f in read],
        "with what is read": cross_validate(read, detections),
    }
    for name, shares in told.items():
        share = np.clip(shares, 1e-4, 1 - 1e-4)
        loss = -np.log(np.where(right, share, 1 - share)).mean()
        called = share >= FUSION_THRESHOLD
        missed, wrong = int((right & ~called).sum()), int((~right & called).sum())
        print(
            f"{name}: loss {loss:.3f}, "
            f"from {FUSION_THRESHOLD} on {missed} missed and {wrong} too many"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, fit, write."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--bundle", type=Path, default=BUNDLE, help="of the detector")
    cli.add_argument("--reader", type=Path, default=READER, help="bundle of the neural reader")
    cli.add_argument("--config", type=Path, default=CONFIG, help="of the detector's training")
    given = cli.parse_args(arguments)
    cv2.setNumThreads(1)
    held = read_data(given.data, read_config(given.config))[1]
    every = [*held, *hard_copies(held)]
    seeing = LiteRTDetector(open_bundle(given.bundle))
    certainty = fit_calibration(every, [seeing.propose(picture.pixels) for picture in every])
    _write(given.bundle, {"certainty": list(astuple(certainty)), "threshold": READING_THRESHOLD})
    detector = LiteRTDetector(open_bundle(given.bundle), TRAINING_THRESHOLD)
    found = label_detections(every, detector, open_reader(given.reader))
    print(f"{sum(find.is_hong_kong for find in found)} of {len(found)} are Hong Kong plates")
    print_evaluation(found)
    belief = fit(found)
    _write(given.bundle, {"belief": list(astuple(belief))})
    print(f"{given.bundle}: {certainty}, {belief}, {open_bundle(given.bundle).sha256}")


def _write(bundle: Path, values: dict[str, object]) -> None:
    described = json.loads((bundle / CONFIG_NAME).read_text(encoding="utf-8"))
    write_config(bundle, {**described, **values})


if __name__ == "__main__":
    main()
