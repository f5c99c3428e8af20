"""What the agreement of the two readers is worth, fitted into the config of Tesseract's bundle.

    python -m models.ensemble --data DATA [--folds FOLDER] [--drawn N]

To be run when both readers are there: on plates of train/ that neither was trained on, and on drawn
ones. The neural reader is the one of the first fold (models/reader/crossvalidate.py), which was
kept from all of them.
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
HELD_OUT = HeldOut(0, 0.15)  # what Tesseract's network was not trained on, and is in the first fold
CROPS_PER_PLATE = 6  # crops of each plate
UNFITTED_AGREEMENT = AgreementCalibration(agreed=(1.0, 0.5, 0.5), differed=(1.0, -0.5, -0.5))
RIDGE = 1.0  # of them there are few: held near what is expected


class ReadingPair(NamedTuple):
    """What both readers made of a plate, and its mark."""

    neural: TextReading
    tesseract: TextReading
    mark: str

    @property
    def second_asked(self) -> bool:
        """Whether the second reader is asked at all."""
        return bool(self.neural.text) and self.neural.confidence < SECOND_READER_BELOW

    @property
    def agree(self) -> bool:
        """Whether both read one mark."""
        return canonical(self.neural.text) == canonical(self.tesseract.text)

    @property
    def right(self) -> tuple[bool, bool]:
        """Whether the neural reader is, and whether Tesseract is."""
        read = (self.neural, self.tesseract)
        return canonical(read[0].text) == self.mark, canonical(read[1].text) == self.mark


def fit_weights(pairs: Sequence[ReadingPair], prior: LogisticWeights) -> LogisticWeights:
    """A logistic regression of the neural reader's being right, on the log-odds of both."""
    odds = [[logit(p.neural.confidence), logit(p.tesseract.confidence), 1.0] for p in pairs]
    right = np.array([p.right for p in pairs], float).reshape(-1, 2)
    seen = np.array(odds).reshape(-1, 3)
    line = logistic_regression.fit(seen, right[:, 0], prior=np.array(prior), ridge=RIDGE)
    neural, tesseract = right.sum(axis=0)
    print(
        f"of {len(pairs)} the neural reader {neural:.0f}, Tesseract {tesseract:.0f} right; {line}"
    )
    first, second, shift = (round(float(value), 2) for value in line)
    return first, second, shift


def read_both(
    pieces: Sequence[tuple[Crop, str]], neural: Reader, tesseract: Reader
) -> list[ReadingPair]:
    """What both make of crops whose texts are known."""
    crops = [crop for crop, _ in pieces]
    told = [canonical(text) for _, text in pieces]
    return [
        ReadingPair(*three)
        for three in zip(neural.read(crops), tesseract.read(crops), told, strict=True)
    ]


def _print_summary(name: str, pairs: Sequence[ReadingPair]) -> None:
    neural, tesseract = np.mean([p.right for p in pairs], axis=0)
    asked = np.mean([p.second_asked for p in pairs])
    print(
        f"{name}, {len(pairs)} crops: exact by the neural reader {neural:.3f}, by Tesseract "
        f"{tesseract:.3f}; Tesseract asked of {asked:.2f}"
    )


def main() -> None:
    """Measure, fit, write."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--folds", type=Path, default=Path(".train/reader-folds"))
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    cli.add_argument("--drawn", type=int, default=300)
    given = cli.parse_args()
    neural = open_reader(open_folds(given.folds, given.data)[0].bundle)
    tesseract = TesseractReader(given.bundle)
    plates = [p for p in photo_crops.hong_kong_plates(given.data / "train") if p.label in HELD_OUT]
    pieces = evaluate.labelled_crops(plates, CROPS_PER_PLATE, evaluate.CORNER_JITTER, seed=11)
    photographed = read_both(pieces, neural, tesseract)
    fonts = [given.data / "fonts"]
    drawn = read_both(calibrate.synthetic_crops(given.data, fonts, given.drawn), neural, tesseract)
    _print_summary("photographed", photographed)
    _print_summary("drawn", drawn)
    asked = [p for p in (*photographed, *drawn) if p.second_asked and p.tesseract.text]
    agreement = AgreementCalibration(
        agreed=fit_weights([p for p in asked if p.agree], UNFITTED_AGREEMENT.agreed),
        differed=fit_weights([p for p in asked if not p.agree], UNFITTED_AGREEMENT.differed),
    )
    described = json.loads((given.bundle / CONFIG).read_text(encoding="utf-8"))
    write_config(given.bundle, {**described, "agreement": dataclasses.asdict(agreement)})


if __name__ == "__main__":
    main()
