"""Train the refiner of a detector's proposals.

    python -m models.refiner.train --data FOLDER [--out FOLDER] [--samples N] [--minutes N]
        [--detector BUNDLE] [--start BUNDLE]

The data is what the detector was trained on (models/detector/train.py), the views are made as for
it; beside each labelled plate the refiner learns from that detector's proposals. Stopped by
Ctrl-C or a signal it saves, and the same command goes on from there. With --start it begins with
the weights of a bundle's refiner, at a lower rate.
"""

import argparse
import json
import math
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hkplates.recognition.bundles.bundle import REFINER, open_bundle
from models.detector.augmentation import Mixture, ViewMaker
from models.detector.dataset import LabelledPhoto, data_folders, draw_photos, read_data
from models.detector.evaluate import BUNDLE
from models.detector.hard_negatives import (
    HARD_NEGATIVES,
    MIN_FALSE_SCORE,
    HardNegative,
    mine_hard_negatives,
    write_hard_negatives,
)
from models.detector.targets import plate_size
from models.detector.train import append_json_line, read_config
from models.refiner.curves import draw_training
from models.refiner.samples import Batch, ReplayBuffer, ViewLoader

CONFIG = Path(__file__).parent / "config.yaml"
CLASS_LOSS_WEIGHT = 0.2  # where that of corners is 1
BETA = 0.05  # heights of a plate; below it corner errors count squared
MIN_NEAR_WIDTH = 80.0  # pixels of a plate, from which its photograph shows it from near
START = "start.weights.h5"  # in the folder of a training that began with a bundle's weights
LINEAGE = ("seed", "samples", "minutes", "share", "before")  # what a bundle tells of a training
WARM_START_SAMPLES = 512  # to unfold the batch normalisation of a bundle's weights
Options = dict[str, Any]


class Training:
    """The network, its optimiser and averaged (EMA) weights, and their checkpoint on disk."""

    def __init__(self, out: Path, config: Options) -> None:
        import keras
        import tensorflow as tf

        from models.refiner.network import build_network, scale_pixels

        keras.utils.set_random_seed(config["seed"])
        self._tf, self._scale_pixels, self._config, self.out = tf, scale_pixels, config, out
        self.network, self.averaged = build_network(), build_network()
        self.averaged.set_weights(self.network.get_weights())
        self._optimizer = keras.optimizers.AdamW(
            config["rate"], weight_decay=config["decay"], clipnorm=5.0
        )
        self._optimizer.build(self.network.trainable_variables)
        self._checkpoint = tf.train.Checkpoint(
            network=self.network, averaged=self.averaged, optimizer=self._optimizer
        )
        self._step = tf.function(self._one_step)
        self.step = 0
        self.seconds = 0.0
        self.before: Options | None = None  # the training of the weights it began with

    @property
    def share(self) -> float:
        """Returns the share done of the samples or of the minutes: 0 at the start, 1 at the end."""
        minutes = self._config.get("minutes")
        by_time = self.seconds / 60 / minutes if minutes else 0.0
        return max(by_time, self.step * self._config["batch"] / self._config["samples"])

    def train_step(self, batch: Batch) -> tuple[float, ...]:
        """Takes one step; returns the losses of corners and classes, and the classes' accuracy."""
        config = self._config
        warm = min(1.0, (self.step + 1) / config["warm_up"])
        cosine = 0.5 * (1 + math.cos(math.pi * min(self.share, 1.0)))
        self._optimizer.learning_rate.assign(config["rate"] * warm * (0.01 + 0.99 * cosine))
        keep = min(config["averaging"], (1 + self.step) / (10 + self.step))
        constants = [self._tf.constant(column) for column in batch]
        figures = self._step(self._tf.constant(keep, self._tf.float32), *constants)
        self.step += 1
        return tuple(float(figure) for figure in figures)

    def _one_step(self, keep: Any, pixels: Any, offsets: Any, weight: Any, classes: Any) -> Any:
        tf = self._tf
        with tf.GradientTape() as tape:
            out = self.network(self._scale_pixels(pixels), training=True)
            corners = self._corner_error(out[:, :8], offsets, weight)
            of_classes = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(classes, out[:, 8:])
            )
            loss = corners + CLASS_LOSS_WEIGHT * of_classes
        weights = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(loss, weights), weights)
        for mean, now in zip(self.averaged.weights, self.network.weights, strict=True):
            mean.assign(keep * mean + (1 - keep) * now)
        right = tf.cast(tf.argmax(out[:, 8:], -1, tf.int32) == classes, tf.float32)
        return corners, of_classes, tf.reduce_mean(right)

    def _corner_error(self, out: Any, offsets: Any, weight: Any) -> Any:
        """Computes the smooth L1 error in heights of the plate, over the patches that show one."""
        from models.refiner.network import OFFSET_SCALE

        tf = self._tf
        error = tf.abs(tf.reshape(out, (-1, 4, 2)) * OFFSET_SCALE - offsets) * weight[:, None]
        smooth = tf.where(error < BETA, 0.5 * error**2 / BETA, error - 0.5 * BETA)
        plates = tf.reduce_sum(tf.cast(weight[:, 0] > 0, tf.float32))
        return tf.reduce_sum(smooth) / (8.0 * tf.maximum(plates, 1.0))

    def warm_start(self, bundle: Path, pixels: np.ndarray) -> None:
        """Begins with the weights of a bundle's refiner; `pixels` are those of a batch."""
        from models.refiner.warm_start import load_bundle

        load_bundle(self.network, bundle, self._scale_pixels(pixels).numpy())
        self.averaged.set_weights(self.network.get_weights())
        self.averaged.save_weights(self.out / START)
        known = open_bundle(bundle).config["refiner"]
        self.before = {name: known.get(name) for name in LINEAGE}

    def save(self) -> None:
        """Writes checkpoint and state, and the weights to export into a file of their own."""
        self._checkpoint.write(str(self.out / "checkpoint"))
        waiting = self.out / "averaged.new.weights.h5"
        self.averaged.save_weights(waiting)
        waiting.replace(self.out / "averaged.weights.h5")
        state = {"step": self.step, "seconds": self.seconds, "before": self.before}
        (self.out / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def resume(self) -> bool:
        """Restores the checkpoint, if there is one; returns whether there was."""
        state = self.out / "state.json"
        if not state.exists():
            return False
        self._checkpoint.read(str(self.out / "checkpoint")).expect_partial()
        known = json.loads(state.read_text(encoding="utf-8"))
        self.step, self.seconds, self.before = (
            known.get(name) for name in ("step", "seconds", "before")
        )
        return True


def train(
    training: Training, loader: ViewLoader, config: Options, start: Path | None = None
) -> None:
    """Trains until all samples are seen; logs figures and saves a checkpoint now and then.

    Where `start` is given it begins with the weights of that bundle's refiner.
    """
    buffer = ReplayBuffer(config, config["seed"] + training.step)
    views = loader.views()
    for _ in range(config["fill"]):
        buffer.add(next(views))
    if start:
        training.warm_start(start, buffer.batch(WARM_START_SAMPLES)[0])
    figures: list[tuple[float, ...]] = []
    last = saved = time.monotonic()
    while training.share < 1:
        for _ in range(config["views_a_batch"]):
            buffer.add(next(views))
        figures.append(training.train_step(buffer.batch(config["batch"])))
        now = time.monotonic()
        training.seconds, last = training.seconds + now - last, now
        if training.step % config["report_steps"] == 0:
            _log_progress(training, config, figures)
            figures = []
        if now - saved > config["checkpoint_minutes"] * 60:
            training.save()
            saved = now
    training.save()
    draw_training(training.out)


def _log_progress(
    training: Training, config: Options, figures: Sequence[tuple[float, ...]]
) -> None:
    corners, kinds, right = np.mean(figures, axis=0)
    samples = training.step * config["batch"]
    rate = samples / max(training.seconds, 1)
    print(
        f"{training.share:6.1%}  {samples} samples  {rate:.0f}/s  corners {corners:.4f}  "
        f"kinds {kinds:.3f}  right {right:.3f}",
        flush=True,
    )
    line = {"samples": samples, "corners": round(corners, 5), "kinds": round(kinds, 5)}
    append_json_line(training.out / "log.jsonl", {**line, "right": round(right, 4)})


def mine_with_bundle(
    bundle: Path, photos: Sequence[LabelledPhoto], config: Options
) -> list[HardNegative]:
    """Mines hard negatives with a bundle's detector alone in the photographs it learned from."""
    from hkplates.recognition.detection.detector import LiteRTDetector

    opened = open_bundle(bundle)
    alone = {**opened.config, "files": {**opened.config["files"]}, "certainty": None}
    alone["files"].pop(REFINER, None)  # an older refiner does not take part
    detector = LiteRTDetector(replace(opened, config=alone), MIN_FALSE_SCORE)
    return mine_hard_negatives(detector.detect, photos, np.random.default_rng(config["seed"]))


def _is_from_near(photo: LabelledPhoto) -> bool:
    """Checks that a photograph shows a plate from near, or none at all."""
    widths = [plate_size(plate.quad)[0] for plate in photo.plates]
    return not widths or max(widths) >= MIN_NEAR_WIDTH


def steps_done(out: Path) -> int:
    """Returns the steps done of the training in a folder, before it is resumed."""
    state = out / "state.json"
    return int(json.loads(state.read_text(encoding="utf-8"))["step"]) if state.exists() else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--out", type=Path, default=Path(".train/refiner"))
    cli.add_argument("--samples", type=int)
    cli.add_argument("--minutes", type=float, help="end after so many as well")
    cli.add_argument("--start", type=Path, help="bundle whose refiner to begin with")
    cli.add_argument(
        "--detector", type=Path, default=BUNDLE, help="bundle whose proposals to refine"
    )
    cli.add_argument("--fonts", type=Path, action="append", default=[], help="folder of typefaces")
    cli.add_argument("--config", type=Path, default=CONFIG)
    return cli.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line and trains."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: save, end the loader
    cv2.setNumThreads(0)  # before the loader forks: OpenCV's threads do not survive that
    config = read_config(options.config)
    config["samples"] = options.samples or config["samples"]
    config["minutes"] = options.minutes
    if options.start:
        config["rate"] = config["rate_after_start"]
    learn, _ = read_data(options.data, config)
    learn += draw_photos(config["drawn_scenes"], config["seed"])
    options.out.mkdir(parents=True, exist_ok=True)
    if not (options.out / HARD_NEGATIVES).exists():
        write_hard_negatives(
            options.out / HARD_NEGATIVES, mine_with_bundle(options.detector, learn, config)
        )
    fonts = [*options.fonts, *(f for f in data_folders(options.data)[2:] if f.is_dir())]
    usual = ViewMaker(learn, fonts, config["view"], Mixture(**config["mixture"]))
    close = [photo for photo in learn if _is_from_near(photo)]
    near = ViewMaker(close, fonts, config["view"] * 2, Mixture(**config["near_mixture"]))
    # Other views after a pause, not the first ones once more.
    later = {**config, "seed": config["seed"] + steps_done(options.out)}
    with ViewLoader.running((usual, near), options.detector, later, options.out) as loader:
        training = Training(options.out, config)
        resumed = training.resume()
        if resumed:
            print(f"resumed at step {training.step}", flush=True)
        try:
            train(training, loader, config, None if resumed else options.start)
        except KeyboardInterrupt:
            training.save()
            print(f"stopped and saved at step {training.step}", flush=True)


if __name__ == "__main__":
    main()
