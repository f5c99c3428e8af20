"""What the agreement of the two readers is worth: fits the weights in hkplates/recognition/both.py.

    python -m models.agreement --data DATA [--folds FOLDER] [--drawn N]

On plates of train/ that neither reader was trained on, and on drawn ones: the neural reader is the
one of the first fold (models/reader/crossvalidate.py), which was kept from all of them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hkplates.recognition.both import DOUBT, Weights, settle
from hkplates.recognition.certainty import log_odds
from hkplates.recognition.marks import canonical
from hkplates.recognition.reader import open_reader as open_neural
from hkplates.recognition.recogniser import open_reader
from hkplates.recognition.types import Crop, Reader, TextReading
from hkplates.settings import read_settings
from models.reader import calibrate, evaluate, real
from models.reader.folds import open_folds
from models.reader.real import HeldOut

UNSEEN = HeldOut(0, 0.15)  # what Tesseract's network was not trained on, and is in the first fold
TIMES = 6  # crops of each plate
AGREED, DIFFERED = Weights(1.0, 0.5, 0.5), Weights(1.0, -0.5, -0.5)  # what is expected
RIDGE = 1.0  # they are few: held near that


class Pair(NamedTuple):
    """What both readers made of a plate, and its mark."""

    neural: TextReading
    tesseract: TextReading
    mark: str

    @property
    def asked(self) -> bool:
        """Whether the second reader is asked at all."""
        return bool(self.neural.text) and self.neural.confidence < DOUBT

    @property
    def agree(self) -> bool:
        return canonical(self.neural.text) == canonical(self.tesseract.text)

    @property
    def read(self) -> str:
        """The mark by both."""
        reading = settle(self.neural, self.tesseract) if self.asked else self.neural
        return canonical(reading.text)


def fit(pairs: Sequence[Pair], expected: Weights) -> Weights:
    """A logistic regression of being right, on the surer reading's log-odds and the other's.

    Where they agree the neural reader's comes first.
    """
    seen, right = [], []
    for pair in pairs:
        order: list[TextReading] = [pair.neural, pair.tesseract]
        if not pair.agree:
            order.sort(key=lambda reading: -reading.confidence)
        seen.append([*(log_odds(reading.confidence) for reading in order), 1.0])
        right.append(canonical(order[0].text) == pair.mark)
    x, y = np.array(seen).reshape(-1, 3), np.array(right, float)
    prior = np.array(expected.as_tuple())
    line = prior
    for _ in range(50):
        told = 1 / (1 + np.exp(-(x @ line).clip(-50, 50)))
        slope = x.T @ (y - told) - RIDGE * (line - prior)
        bend = (x * (told * (1 - told))[:, None]).T @ x + RIDGE * np.eye(3)
        line = line + np.linalg.solve(bend, slope)
    print(f"  {int(y.sum())} of {len(y)} right")
    return Weights(*(round(float(value), 2) for value in line))


def read(pieces: Sequence[tuple[Crop, str]], neural: Reader, tesseract: Reader) -> list[Pair]:
    """What both make of crops whose texts are known."""
    crops = [crop for crop, _ in pieces]
    told = [canonical(text) for _, text in pieces]
    return [
        Pair(*three) for three in zip(neural.read(crops), tesseract.read(crops), told, strict=True)
    ]


def _tell(name: str, pairs: Sequence[Pair]) -> None:
    alone = np.mean([canonical(p.neural.text) == p.mark for p in pairs])
    other = np.mean([canonical(p.tesseract.text) == p.mark for p in pairs])
    both, asked = np.mean([p.read == p.mark for p in pairs]), np.mean([p.asked for p in pairs])
    print(
        f"{name}, {len(pairs)} crops: exact by the neural reader {alone:.3f}, by Tesseract "
        f"{other:.3f}, by both {both:.3f}; Tesseract asked of {asked:.2f}"
    )


def main() -> None:
    """Measure, fit, print."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--folds", type=Path, default=Path(".train/reader-folds"))
    cli.add_argument("--drawn", type=int, default=300)
    given = cli.parse_args()
    neural = open_neural(open_folds(given.folds, given.data)[0].bundle)
    tesseract = open_reader(read_settings().models, "tesseract")
    rng = np.random.default_rng(11)
    plates = [p for p in real.hong_kong(given.data / "train") if p.label in UNSEEN]
    pieces = [
        (crop, plate.label.text)
        for plate in plates
        for crop in evaluate.crops(plate, TIMES, evaluate.OFF, rng)
    ]
    photographed = read(pieces, neural, tesseract)
    fonts = [given.data / "fonts"]
    drawn = read(calibrate.drawn_crops(given.data, fonts, given.drawn), neural, tesseract)
    _tell("photographed", photographed)
    _tell("drawn", drawn)
    asked = [p for p in (*photographed, *drawn) if p.asked and p.tesseract.text]
    print("AGREED =", fit([p for p in asked if p.agree], AGREED))
    print("DIFFERED =", fit([p for p in asked if not p.agree], DIFFERED))


if __name__ == "__main__":
    main()
