"""Fits the calibration of the ensemble into the config of a second reader's bundle.

    python -m models.ensemble --data DATA [--second ppocr] [--folds FOLDER | --unseen PREFIX]

To be run when both readers are trained: on plates of train/ that neither was trained on, and on
synthetic ones. The neural readers are those of a cross-validation (models/reader/crossvalidate.py),
each for the plates held out from it; of these Tesseract was trained on all but the first. With
`--unseen hm_` it is the shipped one, for photographs whose names begin so: PREFIX has to name such
as no reader was trained on.
"""

import argparse
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hkplates.recognition.bundles.bundle import CONFIG
from hkplates.recognition.calibration import AgreementCalibration, LogisticWeights, logit
from hkplates.recognition.marks import canonical
from hkplates.recognition.reading.ensemble import is_doubted
from hkplates.recognition.reading.neural import open_reader
from hkplates.recognition.reading.ppocr import reader as ppocr
from hkplates.recognition.reading.tesseract.reader import TesseractReader
from hkplates.recognition.types import Crop, Reader, TextReading
from models import logistic_regression
from models.reader import calibrate, evaluate, photo_crops
from models.reader.export import write_config
from models.reader.folds import open_folds
from models.reader.photo_crops import HeldOut, RealPlate

MODELS = Path(__file__).parent
SECONDS: Mapping[str, Callable[[Path], Reader]] = {
    "tesseract": TesseractReader,
    "ppocr": ppocr.open_reader,
}
"""How each second reader is opened, from its bundle's folder."""

HELD_OUT = {"tesseract": HeldOut(0, 0.15), "ppocr": HeldOut(0, 1)}
"""Plates of train/ held out from the training of each: PP-OCR's network saw none of them."""

CROPS_PER_PLATE = 6
UNFITTED_AGREEMENT = AgreementCalibration(agreed=(1.0, 0.5, 0.5), differed=(1.0, -0.5, -0.5))
UNFITTED_FOLLOWED: LogisticWeights = (-0.5, 1.0, -0.5)
FOLLOWED = {"ppocr"}  # second readers that are right often enough where the neural one is not
RIDGE = 1.0  # examples are few: the weights stay near UNFITTED_AGREEMENT


class ReadingPair(NamedTuple):
    """The readings of a plate by both readers, and its true mark."""

    neural: TextReading
    second: TextReading
    mark: str

    @property
    def second_asked(self) -> bool:
        """Returns whether the ensemble asks the second reader."""
        return is_doubted(self.neural)

    @property
    def agree(self) -> bool:
        """Returns whether both read the same mark."""
        return canonical(self.neural.text) == canonical(self.second.text)

    @property
    def right(self) -> tuple[bool, bool]:
        """Returns whether the neural reader is right, and whether the second one is."""
        return canonical(self.neural.text) == self.mark, canonical(self.second.text) == self.mark


def fit_agreement(pairs: Sequence[ReadingPair], *, follow: bool) -> AgreementCalibration:
    """Fits the calibration on pairs for which the second reader was asked and read something."""
    differing = [pair for pair in pairs if not pair.agree]
    return AgreementCalibration(
        agreed=fit_weights([p for p in pairs if p.agree], UNFITTED_AGREEMENT.agreed),
        differed=fit_weights(differing, UNFITTED_AGREEMENT.differed),
        followed=fit_weights(differing, UNFITTED_FOLLOWED, reader=1) if follow else None,
    )


def fit_weights(
    pairs: Sequence[ReadingPair], prior: LogisticWeights, reader: int = 0
) -> LogisticWeights:
    """Fits a logistic regression on one reader being right, by the log-odds of both.

    `reader` is 0 for the neural one, 1 for the second.
    """
    odds = [[logit(p.neural.confidence), logit(p.second.confidence), 1.0] for p in pairs]
    right = np.array([p.right for p in pairs], float).reshape(-1, 2)
    features = np.array(odds).reshape(-1, 3)
    weights = logistic_regression.fit(
        features, right[:, reader], prior=np.array(prior), ridge=RIDGE
    )
    neural, second = right.sum(axis=0)
    print(
        f"of {len(pairs)} the neural reader {neural:.0f}, the second {second:.0f} right; {weights}"
    )
    first, second, bias = (round(float(value), 2) for value in weights)
    return first, second, bias


def read_both(
    labelled: Sequence[tuple[Crop, str]], neural: Reader, second: Reader
) -> list[ReadingPair]:
    """Reads crops whose texts are known with both readers."""
    crops = [crop for crop, _ in labelled]
    true = [canonical(text) for _, text in labelled]
    return [
        ReadingPair(*three)
        for three in zip(neural.read(crops), second.read(crops), true, strict=True)
    ]


def _print_summary(name: str, pairs: Sequence[ReadingPair]) -> None:
    neural, second = np.mean([p.right for p in pairs], axis=0)
    asked = np.mean([p.second_asked for p in pairs])
    agreed = [p.right[0] for p in pairs if p.agree]
    print(
        f"{name}, {len(pairs)} crops: exact by the neural reader {neural:.3f}, by the second "
        f"{second:.3f}; the second asked of {asked:.2f}; they agree on {len(agreed)}, of which "
        f"{sum(agreed)} are right"
    )


class UnseenPlates(NamedTuple):
    """A neural reader's bundle, and plates that neither it nor the second reader was trained on."""

    bundle: Path
    plates: Sequence[RealPlate]


def unseen_by_name(data: Path, prefix: str) -> list[UnseenPlates]:
    """Returns the shipped reader with the plates of photographs whose names begin so."""
    plates = photo_crops.hong_kong_plates(data / "train")
    named = [plate for plate in plates if plate.file.startswith(prefix)]
    return [UnseenPlates(MODELS / "reader" / "bundle", named)]


def unseen_by_folds(data: Path, folds: Path, held_out: HeldOut) -> list[UnseenPlates]:
    """Returns each fold's reader with those of its plates that are `held_out` as well.

    Raises:
        FileNotFoundError: no fold is there.
    """
    unseen = [
        UnseenPlates(fold.bundle, [plate for plate in fold.plates if plate.label in held_out])
        for fold in open_folds(folds, data, some=True)
    ]
    return [one for one in unseen if one.plates]


def main() -> None:
    """Parses the command line, measures, fits and writes the config."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--second", choices=SECONDS, default="tesseract")
    cli.add_argument("--folds", type=Path, default=Path(".train/reader-folds"))
    cli.add_argument("--unseen", help="photographs whose names begin so, in place of folds")
    cli.add_argument("--bundle", type=Path, help="of the second reader, if not the shipped one")
    cli.add_argument("--drawn", type=int, default=300)
    given = cli.parse_args()
    bundle = given.bundle or MODELS / given.second / "bundle"
    second = SECONDS[given.second](bundle)
    unseen = (
        unseen_by_name(given.data, given.unseen)
        if given.unseen
        else unseen_by_folds(given.data, given.folds, HELD_OUT[given.second])
    )
    photographed: list[ReadingPair] = []
    for one in unseen:
        crops = evaluate.labelled_crops(
            one.plates, CROPS_PER_PLATE, evaluate.CORNER_JITTER, seed=11
        )
        photographed += read_both(crops, open_reader(one.bundle), second)
    drawn = calibrate.synthetic_crops(given.data, [given.data / "fonts"], given.drawn)
    synthetic = read_both(drawn, open_reader(unseen[0].bundle), second)
    _print_summary("photographed", photographed)
    _print_summary("drawn", synthetic)
    asked = [p for p in (*photographed, *synthetic) if p.second_asked and p.second.text]
    agreement = fit_agreement(asked, follow=given.second in FOLLOWED)
    described = json.loads((bundle / CONFIG).read_text(encoding="utf-8"))
    write_config(bundle, {**described, "agreement": dataclasses.asdict(agreement)})


if __name__ == "__main__":
    main()
