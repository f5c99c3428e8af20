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
from hkplates.recognition.score_fusion import Belief, evidence
from hkplates.recognition.types import Detector, Reader, TextReading
from models import logistic_regression as regression
from models.detector.calibrate import fit_calibration, hard_copies, is_hong_kong_plate
from models.detector.dataset import LabelledPhoto
from models.detector.evaluate import BUNDLE
from models.detector.train import CONFIG, read_config, read_data
from models.reader.export import write_config

READER = Path(__file__).parent / "reader" / "bundle"
READ_FROM = 0.15  # score of what is read at all: below it hardly a plate is left
LEARN_FROM = 0.03  # score of what is learned from: what is no plate is rare among the others
LEAST = 0.33  # probability of a Hong Kong plate: one missed is as bad as two too many
RIDGE = 0.5
PARTS = 8  # of the pictures, each judged by what was fitted on the others


@dataclass(frozen=True, slots=True)
class Find:
    """What the detector takes for a Hong Kong plate, as it is read, and whether it is one."""

    picture: str
    score: float
    reading: TextReading
    right: bool


def finds(pictures: Sequence[LabelledPhoto], detector: Detector, reader: Reader) -> list[Find]:
    """All that is taken for Hong Kong plates on pictures whose plates are known."""
    found = []
    for picture in pictures:
        claims = [d for d in detector.detect(picture.pixels) if d.region == "HK"]
        readings = reader.read([rectify(picture.pixels, claim.quad) for claim in claims])
        for claim, reading in zip(claims, readings, strict=True):
            right = is_hong_kong_plate(picture, claim.quad.bounds())
            if right is not None:
                found.append(Find(picture.file, claim.score, reading, right))
    return found


def fit(found: Sequence[Find]) -> Belief:
    """The regression on all that shows text: it is asked of nothing else."""
    read = [find for find in found if find.reading.text]
    seen = np.array([evidence(find.score, find.reading) for find in read]).reshape(-1, 4)
    right = np.array([find.right for find in read], float)
    line = regression.fit(seen, right, prior=np.array([1.0, 0.0, 0.0, 0.0]), ridge=RIDGE)
    score, reading, lettered, shift = (round(float(value), 3) for value in line)
    return Belief(max(score, 0.0), max(reading, 0.0), lettered, shift, LEAST)


def judge_in_parts(asked: Sequence[Find], found: Sequence[Find]) -> list[float]:
    """The probability of each that is asked, by what was `found` on the other pictures."""
    names = sorted({find.picture for find in found})
    part_of = {name: number % PARTS for number, name in enumerate(names)}
    others = [[f for f in found if part_of[f.picture] != part] for part in range(PARTS)]
    beliefs = [fit(some) for some in others]
    return [beliefs[part_of[f.picture]].probability(f.score, f.reading) for f in asked]


def tell(found: Sequence[Find]) -> None:
    """Print what the belief is worth on pictures that it was not fitted on."""
    read = [find for find in found if find.reading.text and find.score >= READ_FROM]
    right = np.array([find.right for find in read])
    told = {
        "score alone": [f.score for f in read],
        "with what is read": judge_in_parts(read, found),
    }
    for name, shares in told.items():
        share = np.clip(shares, 1e-4, 1 - 1e-4)
        loss = -np.log(np.where(right, share, 1 - share)).mean()
        missed, wrong = int((right & (share < LEAST)).sum()), int((~right & (share >= LEAST)).sum())
        print(f"{name}: loss {loss:.3f}, from {LEAST} on {missed} missed and {wrong} too many")


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
    certainty = fit_calibration(every, [seeing.sights(picture.pixels) for picture in every])
    _write(given.bundle, {"certainty": list(astuple(certainty)), "threshold": READ_FROM})
    detector = LiteRTDetector(open_bundle(given.bundle), LEARN_FROM)
    found = finds(every, detector, open_reader(given.reader))
    print(f"{sum(find.right for find in found)} of {len(found)} are Hong Kong plates")
    tell(found)
    belief = fit(found)
    _write(given.bundle, {"belief": list(astuple(belief))})
    print(f"{given.bundle}: {certainty}, {belief}, {open_bundle(given.bundle).sha256}")


def _write(bundle: Path, values: dict[str, object]) -> None:
    described = json.loads((bundle / CONFIG_NAME).read_text(encoding="utf-8"))
    write_config(bundle, {**described, **values})


if __name__ == "__main__":
    main()
