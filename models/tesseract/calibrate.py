"""Fits vote factors and confidence on plates that Tesseract was not trained on.

Real plates held out are few, so that synthetic ones are added; both weigh the same.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.reading.tesseract.bundle import VotingWeights
from hkplates.recognition.reading.tesseract.reader import TesseractReader
from hkplates.recognition.reading.tesseract.voting import (
    ViewReading,
    tally_votes,
    voting_features,
)
from hkplates.recognition.types import Crop
from models import logistic_regression
from models.reader import evaluate, photo_crops
from models.reader.dataset import Mixture
from models.reader.photo_crops import HeldOut
from models.tesseract.samples import LineGenerator

SYNTHETIC_PLATES = 600
CROPS_PER_PLATE = 6  # of the plates held out
CROPS_PER_CALL = 100  # of Tesseract

UNFITTED_WEIGHTS = VotingWeights(
    sharpness=1.0,
    clean=1.0,
    one_row=0.3,
    personalised=0.3,
    exchanged=1.0,
    calibration=(-1.0, 1.0, 0.5, 1.0, 1.0, -0.5),
)
# Synthetic plates as in training, without real ones.
MIXTURE = Mixture(
    hong_kong=0, others=0, negatives=0, personalised=0.15, smallest=10, jitter=(0.01, 0.07)
)
CHOICES = {
    "sharpness": (0.5, 1.0, 2.0),
    "clean": (0.5, 1.0, 2.0),
    "one_row": (0.01, 0.03, 0.1, 0.3),
    "personalised": (0.1, 0.3, 0.6, 1.0),
    "exchanged": (0.0, 0.5, 1.0, 3.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """The readings of each view of a crop whose mark is known, and its weight in the fit."""

    views: Sequence[ViewReading]
    mark: str
    weight: float


@dataclass(frozen=True, slots=True)
class FittedWeights:
    """The weights, the crops that they were fitted on, and the share of these read exactly."""

    weights: VotingWeights
    crops: int
    accuracy: float


def fit(
    bundle: Path, data: Path, held: HeldOut, fonts: Sequence[Path], drawn: int = SYNTHETIC_PLATES
) -> FittedWeights:
    """Fits the weights for the data in `bundle`; `held` are train/'s plates held out from it."""
    reader = TesseractReader(bundle)
    examples = _photo_examples(reader, data, held, drawn) + _synthetic_examples(
        reader, data, fonts, drawn
    )
    chosen = choose_factors(examples)
    calibration = _fit_confidence(examples, chosen)
    weights = dataclasses.replace(chosen, calibration=calibration)
    return FittedWeights(weights, len(examples), round(accuracy(examples, weights), 4))


def choose_factors(examples: Sequence[Example]) -> VotingWeights:
    """Returns the vote factors that read most, by coordinate search: one after the other, twice."""
    chosen = UNFITTED_WEIGHTS
    for name, values in [*CHOICES.items()] * 2:
        tried = [dataclasses.replace(chosen, **{name: value}) for value in values]
        chosen = max(tried, key=lambda weights: accuracy(examples, weights))
    return chosen


def accuracy(examples: Sequence[Example], weights: VotingWeights) -> float:
    """Returns the weighted share of examples read exactly."""
    exact = [_best_mark(example, weights) == example.mark for example in examples]
    return float(np.average(exact, weights=[example.weight for example in examples]))


def _best_mark(example: Example, weights: VotingWeights) -> str:
    tallied = tally_votes(example.views, weights)
    return tallied[0].mark if tallied else ""


def _photo_examples(
    reader: TesseractReader, data: Path, held: HeldOut, drawn: int
) -> list[Example]:
    plates = [p for p in photo_crops.hong_kong_plates(data / "train") if p.label in held]
    pairs = evaluate.labelled_crops(plates, CROPS_PER_PLATE, evaluate.CORNER_JITTER, seed=7)
    return _examples(reader, pairs, drawn / max(1, len(pairs)))


def _synthetic_examples(
    reader: TesseractReader, data: Path, fonts: Sequence[Path], count: int
) -> list[Example]:
    generator = LineGenerator(data, 9999, HeldOut(0, 1), fonts)
    plates = [generator.random_plate(MIXTURE) for _ in range(count)]
    return _examples(reader, [(crop, label.text) for crop, label in plates], 1.0)


def _examples(
    reader: TesseractReader, pairs: Sequence[tuple[Crop, str]], weight: float
) -> list[Example]:
    examples = []
    for start in range(0, len(pairs), CROPS_PER_CALL):
        part = pairs[start : start + CROPS_PER_CALL]
        views_of_crops = reader.read_views([crop for crop, _ in part])
        examples += [
            Example(views, marks.canonical(text), weight)
            for views, (_, text) in zip(views_of_crops, part, strict=True)
        ]
    return examples


def _fit_confidence(examples: Sequence[Example], chosen: VotingWeights) -> tuple[float, ...]:
    """Fits the weights of `voting_features` by logistic regression on being right."""
    read = [(tallied, e) for e in examples if (tallied := tally_votes(e.views, chosen))]
    if not read:
        return chosen.calibration
    features = np.array([voting_features(tallied) for tallied, _ in read])
    right = np.array([tallied[0].mark == e.mark for tallied, e in read], float)
    weight = np.array([e.weight for _, e in read])
    fitted = logistic_regression.fit(features, right, sample_weight=weight)
    return tuple(round(float(value), 4) for value in fitted)
