"""Exports a training, finished or not, as the bundle that hkplates opens.

    python -m models.reader.export --data DATA [--folder FOLDER] [--folds FOLDER] [--bundle FOLDER]

The decoder is fitted on the plates of train/, each as read by the reader of the fold that it was
held out from (models/reader/crossvalidate.py), and on synthetic ones. With --decoder BUNDLE that
bundle's is taken instead: after a training on a few more plates, which needs no folds.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import yaml

from hkplates.recognition.bundles.bundle import CONFIG as CONFIG_NAME
from hkplates.recognition.bundles.bundle import FORMAT, open_bundle, sha256_of
from hkplates.recognition.reading.neural import open_reader
from models.litert import convert
from models.reader import calibrate
from models.reader.evaluate import BUNDLE
from models.reader.folds import open_folds
from models.reader.inference import for_inference
from models.reader.network import CTC_FRAMES, HEIGHT, MARGIN, SLOTS, SYMBOLS, WIDTH
from models.reader.train import FINETUNE, Trainer


def export(trainer: Trainer, bundle: Path) -> dict[str, Any]:
    """Writes weights and config, with a decoder that is not yet fitted; returns the config."""
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir(parents=True)
    (bundle / "model.tflite").write_bytes(_convert(trainer))
    described = {
        "format": FORMAT,
        "inputs": [[HEIGHT, WIDTH]],
        "margin": MARGIN,
        "colour_order": "gray",
        "input": "uint8 (1, height, width, 1) gray: the plate with its margin, stretched; "
        "all scaling is inside",
        "output": "float32 (1, n) logits: slots x (classes + nothing), lower row of each slot, "
        "two rows, steps x (classes + nothing)",
        "classes": list(SYMBOLS),
        "slots": SLOTS,
        "steps": CTC_FRAMES,
        "threshold": 0.0,
        "decoder": calibrate.UNFITTED_DECODER,
        "training": {
            "seed": trainer.seed,
            "samples": trainer.samples,
            "minutes": round(float(trainer.spent.numpy()) / 60, 1),
            "held_out": trainer.held_out,
        },
    }
    write_config(bundle, described)
    return described


def convert_training(folder: Path) -> bytes:
    """Returns the network of a training's folder as a LiteRT model.

    Raises:
        SystemExit: the folder holds no training.
    """
    trainer = Trainer(yaml.safe_load(FINETUNE.read_text(encoding="utf-8")), folder)
    if not trainer.resume():
        raise SystemExit(f"No training state in {folder}; train first (models/README.md).")
    return _convert(trainer)


def fit_decoder(
    bundle: Path, folds: Path, data: Path, fonts: Sequence[Path], drawn: int
) -> dict[str, Any]:
    """Fits the decoder on the plates of every fold that is there, and on `drawn` plates.

    The folds' plates are read by their own readers, the drawn ones by `bundle`.
    """
    photographed = [
        example for fold in open_folds(folds, data, some=True) for example in fold.examples()
    ]
    return calibrate.fit(
        photographed, calibrate.synthetic_examples(open_reader(bundle), data, fonts, drawn)
    )


def write_config(bundle: Path, described: dict[str, Any]) -> None:
    """Writes config.json with the hashes of all files beside it."""
    files = sorted(p for p in bundle.rglob("*") if p.is_file() and p.name != CONFIG_NAME)
    hashes = {p.relative_to(bundle).as_posix(): sha256_of(p.read_bytes()) for p in files}
    text = json.dumps({**described, "files": hashes}, indent=2) + "\n"
    (bundle / CONFIG_NAME).write_text(text, encoding="utf-8")


def _convert(trainer: Trainer) -> bytes:
    """Converts the network; its output is all heads' logits in one row."""
    network = for_inference(trainer.model)

    def forward(pixels: Any) -> Any:
        out = network(pixels, training=False)
        parts = [out[name] for name in ("slots", "lower", "rows", "ctc")]
        return tf.concat([tf.reshape(p, (1, int(np.prod(p.shape[1:])))) for p in parts], axis=1)

    return convert(forward, (1, HEIGHT, WIDTH, 1), float_depthwise=True)


def main() -> None:
    """Parses the command line, exports and fits the decoder."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--folder", type=Path, default=Path(".train/reader-fine"))
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    cli.add_argument("--folds", type=Path, default=Path(".train/reader-folds"))
    cli.add_argument("--config", type=Path, default=FINETUNE, help="that the training used")
    cli.add_argument("--fonts", type=Path, action="append", help="further typeface folders")
    cli.add_argument(
        "--drawn", type=int, default=calibrate.SYNTHETIC_PLATES, help="plates to calibrate on"
    )
    cli.add_argument("--decoder", type=Path, help="bundle whose decoder to take, not fit")
    cli.add_argument("--held-out", type=float, nargs=2, help="plates that it did not train on")
    given = cli.parse_args()
    config = yaml.safe_load(given.config.read_text(encoding="utf-8"))
    config["held_out"] = given.held_out or config["held_out"]
    trainer = Trainer(config, given.folder)
    if not trainer.resume():
        raise SystemExit(f"No training state in {given.folder}; train first (models/README.md).")
    described = export(trainer, given.bundle)
    if given.decoder:
        described["decoder"] = open_bundle(given.decoder).config["decoder"]
    else:
        fonts = given.fonts or [given.data / "fonts"]
        described["decoder"] = fit_decoder(
            given.bundle, given.folds, given.data, fonts, given.drawn
        )
    write_config(given.bundle, described)
    print(json.dumps(described["decoder"]), json.dumps(described["training"]))


if __name__ == "__main__":
    main()
