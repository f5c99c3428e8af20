"""Cross-validates the reader: reads every plate of train/ with a reader not trained on it.

    python -m models.reader.crossvalidate --data DATA [--start FOLDER] [--folds 3]

Splits the plates of train/ into folds by their texts. For each fold a second training
(finetune.yaml) without it begins where the first one, which had no photograph of a Hong Kong plate,
ended. Its decoder and its calibration are fitted on the other folds, as their own readers read
them; then it reads the fold that was held out from it. Stopped, the same command goes on.
`models.reader.export --folds` fits the shipped reader's decoder on the readers kept in `--folder`.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from hkplates.recognition.reading.neural import open_reader
from models.reader import calibrate, evaluate
from models.reader.calibrate import Example
from models.reader.evaluate import EvaluatedReading
from models.reader.export import export, write_config
from models.reader.folds import FOLDERS, Fold, open_folds
from models.reader.photo_crops import HeldOut
from models.reader.train import FINETUNE, train


def train_folds(
    config: dict[str, Any], data: Path, folder: Path, start: Path, fonts: list[Path], folds: int
) -> None:
    """Trains a reader without each of the folds, where that is not done yet."""
    for number in range(folds):
        place = folder / FOLDERS.format(number)
        if (place / "bundle").exists():
            continue
        held = HeldOut.fold(number, folds)
        without_fold = {**config, "held_out": [held.start, held.stop]}
        print(f"fold {number + 1} of {folds}", flush=True)
        trainer = train(without_fold, data, place, fonts, resume=True, start=start)
        export(trainer, place / "bundle")


def evaluate_folds(
    folds: Sequence[Fold], synthetic: Sequence[Example]
) -> tuple[list[EvaluatedReading], list[EvaluatedReading]]:
    """Reads each fold on true and on jittered corners, with a decoder fitted on the others."""
    examples = [fold.examples() for fold in folds]
    true, shaken = [], []
    for fold in folds:
        others = [
            example
            for other, of_other in zip(folds, examples, strict=True)
            if other is not fold
            for example in of_other
        ]
        _write_decoder(fold.bundle, calibrate.fit(others, synthetic))
        true += fold.read_plates(1, 0.0)
        shaken += fold.read_plates(5, evaluate.CORNER_JITTER)
    return true, shaken


def _write_decoder(bundle: Path, decoder: dict[str, Any]) -> None:
    """Writes a fitted decoder into a bundle's config.json."""
    described = json.loads((bundle / "config.json").read_text(encoding="utf-8"))
    write_config(bundle, {**described, "decoder": decoder})


def main() -> None:
    """Parses the command line, trains the folds and prints the tables."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--start", type=Path, default=Path(".train/reader"), help="the first training")
    cli.add_argument("--folder", type=Path, default=Path(".train/reader-folds"))
    cli.add_argument("--config", type=Path, default=FINETUNE)
    cli.add_argument("--fonts", type=Path, action="append", help="further typeface folders")
    cli.add_argument("--folds", type=int, default=3)
    cli.add_argument("--samples", type=int)
    cli.add_argument(
        "--drawn", type=int, default=calibrate.SYNTHETIC_PLATES, help="plates to calibrate on"
    )
    given = cli.parse_args()
    config = yaml.safe_load(given.config.read_text(encoding="utf-8"))
    config["samples"] = given.samples or config["samples"]
    fonts = given.fonts or [given.data / "fonts"]
    train_folds(config, given.data, given.folder, given.start, fonts, given.folds)
    folds = open_folds(given.folder, given.data)
    drawn = calibrate.synthetic_examples(
        open_reader(folds[0].bundle), given.data, fonts, given.drawn
    )
    true, shaken = evaluate_folds(folds, drawn)
    print(evaluate.accuracy_table(true, shaken), evaluate.reliability_table(shaken), sep="\n\n")
    print(evaluate.list_misread(true))


if __name__ == "__main__":
    main()
