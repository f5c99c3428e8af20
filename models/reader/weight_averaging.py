"""Averages a bundle's weights with those of a training that began with it.

    python -m models.reader.weight_averaging OLD NEW --data DATA --out FOLDER [--share S]

OLD is a bundle, NEW a training's folder; FOLDER is then exported. A training for far plates forgets
a little of the near ones; between both weights lie some that read either better.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import yaml

from models.reader.dataset import SampleGenerator, parse_mixture
from models.reader.network import build
from models.reader.photo_crops import HeldOut
from models.reader.train import FINETUNE, WARM_START_SAMPLES, Config, Trainer, mixture_values
from models.reader.warm_start import load_bundle

SHARE = 0.7
"""Of the new weights. Of 20 plates new to both, eight crops at each of five sizes, this average
reads 0.85, the new weights alone 0.83, the old ones 0.79; shares of 0.5 and 0.75 read as many."""


def average(old: Path, new: Trainer, out: Trainer, share: float, pixels: np.ndarray) -> None:
    """Sets the weights of `out` to `share` of those of `new`, and the rest of the bundle `old`.

    `pixels` (n, HEIGHT, WIDTH, 1) uint8 are training samples, for the batch normalisation.
    """
    before = build()
    load_bundle(before, old, pixels)
    pairs = zip(before.get_weights(), new.model.get_weights(), strict=True)
    out.model.set_weights([(1 - share) * a + share * b for a, b in pairs])
    _refresh_statistics(out.model, pixels)
    out.spent.assign(new.spent)
    out.steps.assign(new.steps)


def _refresh_statistics(model: keras.Model, pixels: np.ndarray) -> None:
    """Sets mean and variance of each normalisation anew: they do not average as weights do."""
    for norm in model.layers:
        if isinstance(norm, keras.layers.BatchNormalization):
            # One after the other: what reaches a normalisation depends on those before it.
            probe = keras.Model(model.input, norm.input)
            parts = [
                np.asarray(probe(pixels[start : start + 64], training=False))
                for start in range(0, len(pixels), 64)
            ]
            seen = np.concatenate(parts)
            scale, shift, _, _ = norm.get_weights()
            axes = (0, 1, 2)
            norm.set_weights([scale, shift, seen.mean(axis=axes), seen.var(axis=axes)])


def _samples(config: Config, data: Path) -> np.ndarray:
    held = HeldOut(*config["held_out"])
    generator = SampleGenerator(data, config["seed"] + 1, held, [data / "fonts"])
    return generator.batch(
        WARM_START_SAMPLES, parse_mixture(mixture_values(config["phases"][-1]))
    ).pixels


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, averages and saves."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("old", type=Path, help="bundle")
    cli.add_argument("new", type=Path, help="folder of a training that began with it")
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--out", type=Path, required=True)
    cli.add_argument("--share", type=float, default=SHARE, help="of the new weights, 0 to 1")
    cli.add_argument("--config", type=Path, default=FINETUNE, help="that the training used")
    given = cli.parse_args(arguments)
    if not 0 <= given.share <= 1:
        cli.error(f"expected --share from 0 to 1, got {given.share}")
    config = yaml.safe_load(given.config.read_text(encoding="utf-8"))
    trained, averaged = Trainer(config, given.new), Trainer(config, given.out)
    if not trained.resume():
        raise SystemExit(f"No training state in {given.new}; train first (models/README.md).")
    average(given.old, trained, averaged, given.share, _samples(config, given.data))
    averaged.save()
    print(f"{given.out}: now python -m models.reader.export --folder {given.out} ...")


if __name__ == "__main__":
    main()
