"""Fits the calibration of the ensemble into the config of Tesseract's bundle.

    python -m models.ensemble --data DATA [--folds FOLDER] [--drawn N]

To be run when both readers are trained: on plates of train/ that neither was trained on, and on
synthetic ones. The neural reader is that of the first fold (models/reader/crossvalidate.py), from
which all of them were held out.
"""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hkplates.recognition.bundles.bundle import CONFIG
from hkplates.recognition.calibration import AgreementCalibration, LogisticWeights, logit
from hkplates.recognition.marks import canonical
from hkplates.recognition.reading.ensemble import SECOND_READER_BELOW
from hkplates.recognition.reading.neural import open_reader
from hkplates.recognition.reading.tesseract.reader import TesseractReader
from hkplates.recognition.types import Crop, Reader, TextReading
from models import logistic_regression
from models.reader import calibrate, evaluate, photo_crops
from models.reader.export import write_config
from models.reader.folds import open_folds
from models.reader.photo_crops import HeldOut

BUNDLE = Path(__file__).parent / "tesseract" / "bundle"
HELD_OUT = HeldOut(0, 0.15)  # from Tesseract's training; all of it is in the first fold
CROPS_PER_PLATE = 6
UNFITTED_AGREEMENT = AgreementCalibration(agreed=(1.0, 0.5, 0.5), differed=(1.0, -0.5, -0.5))
RIDGE = 1.0  # examples are few: the weights stay near UNFITTED_AGREEMENT


class ReadingPair(NamedTuple):
    """The readings of a plate by both readers, and its true mark."""

    neural: TextReading
    tesseract: TextReading
    mark: str

    @property
    def second_asked(self) -> bool:
        """Returns whether the ensemble asks the second reader."""
        return bool(self.neural.text) and self.neural.confidence < SECOND_READER_BELOW

    @property
    def agree(self) -> bool:
        """Returns whether both read the same mark."""
        return canonical(self.neural.text) == canonical(self.tesseract.text)

    @property
    def right(self) -> tuple[bool, bool]:
        """Returns whether the neural reader is right, and whether Tesseract is."""
        neural, tesseract = canonical(self.neural.text), canonical(self.tesseract.text)
        return neural == self.mark, tesseract == self.mark


def fit_weights(pairs: Sequence[ReadingPair], prior: LogisticWeights) -> LogisticWeights:
    """Fits a logistic regression on the neural reader being right, by the log-odds of both."""
    odds = [[logit(p.neural.confidence), logit(p.tesseract.confidence), 1.0] for p in pairs]
    right = np.array([p.right for p in pairs], float).reshape(-1, 2)
    features = np.array(odds).reshape(-1, 3)
    weights = logistic_regression.fit(features, right[:, 0], prior=np.array(prior), ridge=RIDGE)
    neural, tesseract = right.sum(axis=0)
    print(
        f"of {len(pairs)} the neural reader {neural:.0f}, Tesseract {tesseract:.0f} right; "
        f"{weights}"
    )
    first, second, bias = (round(float(value), 2) for value in weights)
    return first, second, bias


def read_both(
    labelled: Sequence[tuple[Crop, str]], neural: Reader, tesseract: Reader
) -> list[ReadingPair]:
    """Reads crops whose texts are known with both readers."""
    crops = [crop for crop, _ in labelled]
    true = [canonical(text) for _, text in labelled]
    return [
        ReadingPair(*three)
        for three in zip(neural.read(crops), tesseract.read(crops), true, strict=True)
    ]


def _print_summary(name: str, pairs: Sequence[ReadingPair]) -> None:
    neural, tesseract = np.mean([p.right for p in pairs], axis=0)
    asked = np.mean([p.second_asked for p in pairs])
    print(
        f"{name}, {len(pairs)} crops: exact by the neural reader {neural:.3f}, by Tesseract "
        f"{tesseract:.3f}; Tesseract asked of {asked:.2f}"
    )


def main() -> None:
    """Parses the command line, measures, fits and writes the config."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--folds", type=Path, default=Path(".train/reader-folds"))
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    cli.add_argument("--drawn", type=int, default=300)
    given = cli.parse_args()
    neural = open_reader(open_folds(given.folds, given.data)[0].bundle)
    tesseract = TesseractReader(given.bundle)
    plates = [p for p in photo_crops.hong_kong_plates(given.data / "train") if p.label in HELD_OUT]
    labelled = evaluate.labelled_crops(plates, CROPS_PER_PLATE, evaluate.CORNER_JITTER, seed=11)
    photographed = read_both(labelled, neural, tesseract)
    fonts = [given.data / "fonts"]
    drawn = calibrate.synthetic_crops(given.data, fonts, given.drawn)
    synthetic = read_both(drawn, neural, tesseract)
    _print_summary("photographed", photographed)
    _print_summary("drawn", synthetic)
    asked = [p for p in (*photographed, *synthetic) if p.second_asked and p.tesseract.text]
    agreement = AgreementCalibration(
        agreed=fit_weights([p for p in asked if p.agree], UNFITTED_AGREEMENT.agreed),
        differed=fit_weights([p for p in asked if not p.agree], UNFITTED_AGREEMENT.differed),
    )
    described = json.loads((given.bundle / CONFIG).read_text(encoding="utf-8"))
    write_config(given.bundle, {**described, "agreement": dataclasses.asdict(agreement)})


if __name__ == "__main__":
    main()
