"""Settle what a score and a reading are worth, on photographs that the detector did not learn from.

    python -m models.belief --data DATA [--bundle FOLDER] [--reader FOLDER]

To be run when detector, refiner and reader are there: fits the certainty anew, and then which finds
are Hong Kong plates once they are read (hkplates/recognition/belief.py), into the config of the
detector's bundle. The reader has seen some of these plates; those that are made yellow or small
are as hard for it as new ones.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.belief import Belief, evidence
from hkplates.recognition.bundle import CONFIG as CONFIG_NAME
from hkplates.recognition.bundle import open_bundle
from hkplates.recognition.detector import LiteRTDetector
from hkplates.recognition.images import rectify
from hkplates.recognition.reader import open_reader
from hkplates.recognition.types import Detector, Reader, TextReading
from models import regression
from models.detector.album import HONG_KONG, Picture
from models.detector.evaluate import BUNDLE, bounds, iou
from models.detector.settle import ON_IT, THRESHOLDS, fit_certainty, harder, with_fewest
from models.detector.train import CONFIG, read_config, read_data
from models.reader.export import write_config

READER = Path(__file__).parent / "reader" / "bundle"
READ_FROM = 0.15  # score of what is read at all: below it hardly a plate is left
RIDGE = 0.5
PARTS = 8  # of the pictures, each judged by what was fitted on the others


@dataclass(frozen=True, slots=True)
class Find:
    """What the detector takes for a Hong Kong plate, as it is read, and whether it is one."""

    picture: str
    score: float
    reading: TextReading
    right: bool


def finds(pictures: Sequence[Picture], detector: Detector, reader: Reader) -> list[Find]:
    """All that is taken for Hong Kong plates on pictures whose plates are known."""
    found = []
    for picture in pictures:
        ours = [bounds(plate) for plate in picture.plates if plate.label == HONG_KONG]
        claims = [d for d in detector.detect(picture.pixels) if d.region == "HK"]
        readings = reader.read([rectify(picture.pixels, claim.quad) for claim in claims])
        for claim, reading in zip(claims, readings, strict=True):
            right = any(iou(claim.quad.bounds(), box) >= ON_IT for box in ours)
            found.append(Find(picture.file, claim.score, reading, right))
    return found


def fit(found: Sequence[Find]) -> Belief:
    """The regression, with the threshold still to be chosen."""
    read = [find for find in found if find.reading.text]  # it is asked of no others
    seen = np.array([evidence(find.score, find.reading) for find in read]).reshape(-1, 4)
    right = np.array([find.right for find in read], float)
    line = regression.fit(seen, right, prior=np.array([1.0, 0.0, 0.0, 0.0]), ridge=RIDGE)
    score, reading, lettered, shift = (round(float(value), 3) for value in line)
    return Belief(max(score, 0.0), max(reading, 0.0), lettered, shift)


def judge_in_parts(found: Sequence[Find]) -> list[float]:
    """The probability of each find, by what was fitted on the other pictures."""
    names = sorted({find.picture for find in found})
    part_of = {name: number % PARTS for number, name in enumerate(names)}
    others = [[f for f in found if part_of[f.picture] != part] for part in range(PARTS)]
    beliefs = [fit(some) for some in others]
    return [beliefs[part_of[f.picture]].probability(f.score, f.reading) for f in found]


def choose_threshold(found: Sequence[Find], told: Sequence[float]) -> float:
    """The probability with the fewest faults; a plate left out counts as much as two too many."""
    pairs = [(f, p) for f, p in zip(found, told, strict=True) if f.reading.text]
    faults = {}
    for threshold in THRESHOLDS.tolist():
        missed = sum(f.right and p < threshold for f, p in pairs)
        wrong = sum(not f.right and p >= threshold for f, p in pairs)
        faults[threshold] = 2 * missed + wrong
        print(f"{threshold:.2f}: {missed} missed, {wrong} too many", flush=True)
    return with_fewest(faults)


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
    every = [*held, *harder(held)]
    seeing = LiteRTDetector(open_bundle(given.bundle))
    certainty = fit_certainty(every, [seeing.sights(picture.pixels) for picture in every])
    _write(given.bundle, {"certainty": list(astuple(certainty)), "threshold": READ_FROM})
    detector = LiteRTDetector(open_bundle(given.bundle))
    found = finds(every, detector, open_reader(given.reader))
    print(f"{sum(find.right for find in found)} of {len(found)} are Hong Kong plates")
    threshold = choose_threshold(found, judge_in_parts(found))
    belief = replace(fit(found), threshold=threshold)
    _write(given.bundle, {"belief": list(astuple(belief))})
    print(f"{given.bundle}: {certainty}, {belief}, {open_bundle(given.bundle).sha256}")


def _write(bundle: Path, values: dict[str, object]) -> None:
    described = json.loads((bundle / CONFIG_NAME).read_text(encoding="utf-8"))
    write_config(bundle, {**described, **values})


if __name__ == "__main__":
    main()
