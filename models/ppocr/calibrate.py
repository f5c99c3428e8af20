"""Fits prior and confidence of the PP-OCR reader, and writes its bundle's config.

    python -m models.ppocr.calibrate --data DATA [--drawn N]

PP-OCR's network was trained on no plate of ours, so that all of train/ can be fitted on; synthetic
plates are added, and both weigh the same. The ensemble's calibration is fitted after it
(models/ensemble.py).
"""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.bundles.bundle import CONFIG
from hkplates.recognition.reading.ppocr.bundle import FORMAT, DecoderWeights, open_data
from hkplates.recognition.reading.ppocr.decoding import (
    LineCandidate,
    confidence_features,
    line_candidates,
    rank,
)
from hkplates.recognition.reading.ppocr.reader import PpOcrReader, open_reader
from hkplates.recognition.types import Crop
from models import logistic_regression
from models.reader import calibrate, evaluate, photo_crops
from models.reader.export import write_config

BUNDLE = Path(__file__).with_name("bundle")
CROPS_PER_PLATE = 6
PERSONALISED = (0.0, -1.0, -2.0, -3.0, -4.0, -5.0)
ONE_ROW = (0.0, -1.0, -2.0, -4.0, -6.0, -8.0)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """The candidates of a crop whose mark is known, and its weight in the fit."""

    candidates: Sequence[LineCandidate]
    mark: str
    weight: float


def fit(examples: Sequence[Example]) -> DecoderWeights:
    """Fits the prior by grid search on exact readings, then the confidence."""
    tried = [_unfitted(*pair) for pair in product(PERSONALISED, ONE_ROW)]
    chosen = max(tried, key=lambda weights: accuracy(examples, weights))
    ranked = [(ranking, e) for e in examples if (ranking := rank(e.candidates, chosen))]
    calibration = logistic_regression.fit(
        np.array([confidence_features(ranking) for ranking, _ in ranked]),
        np.array([ranking[0][1].mark == e.mark for ranking, e in ranked], float),
        sample_weight=np.array([e.weight for _, e in ranked]),
    )
    return dataclasses.replace(chosen, calibration=tuple(round(float(w), 4) for w in calibration))


def accuracy(examples: Sequence[Example], weights: DecoderWeights) -> float:
    """Returns the weighted share of examples read exactly."""
    exact = [_best_mark(example, weights) == example.mark for example in examples]
    return float(np.average(exact, weights=[example.weight for example in examples]))


def _best_mark(example: Example, weights: DecoderWeights) -> str:
    ranked = rank(example.candidates, weights)
    return ranked[0][1].mark if ranked else ""


def _unfitted(personalised: float, one_row: float) -> DecoderWeights:
    """Returns a prior of these terms, its confidence not fitted yet."""
    prior = {
        "personalised": personalised,
        "unknown": min(2 * personalised, -1.0),
        "nearly_usual": calibrate.NEARLY_USUAL,
        "one_shape_off": calibrate.ONE_SHAPE_OFF,
    }
    return DecoderWeights(prior, one_row, (1.0, 0.5, -0.5, 1.0))


def _examples(
    reader: PpOcrReader, pairs: Sequence[tuple[Crop, str]], total_weight: float
) -> list[Example]:
    return [
        Example(line_candidates(reader.read_lines(crop)), marks.canonical(text), weight)
        for weight in [total_weight / max(1, len(pairs))]
        for crop, text in pairs
    ]


def main() -> None:
    """Parses the command line, fits and writes the config."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    cli.add_argument("--fonts", type=Path, action="append", help="further typeface folders")
    cli.add_argument("--drawn", type=int, default=calibrate.SYNTHETIC_PLATES)
    given = cli.parse_args()
    cv2.setNumThreads(1)
    reader = open_reader(given.bundle)
    plates = photo_crops.hong_kong_plates(given.data / "train")
    crops = evaluate.labelled_crops(plates, CROPS_PER_PLATE, evaluate.CORNER_JITTER, seed=7)
    photographed = _examples(reader, crops, given.drawn)
    fonts = given.fonts or [given.data / "fonts"]
    drawn = calibrate.synthetic_crops(given.data, fonts, given.drawn)
    synthetic = _examples(reader, drawn, given.drawn)
    weights = fit([*photographed, *synthetic])
    described = json.loads((given.bundle / CONFIG).read_text(encoding="utf-8"))
    described["format"] = FORMAT
    described["decoder"] = dataclasses.asdict(weights)
    described["fitted_on"] = {
        "crops": len(photographed) + len(synthetic),
        "right_photographed": round(accuracy(photographed, weights), 4),
        "right_drawn": round(accuracy(synthetic, weights), 4),
    }
    write_config(given.bundle, described)
    print(json.dumps(described))
    open_data(given.bundle)  # what was written can be opened


if __name__ == "__main__":
    main()
