"""Train the plate detector.

    python -m models.detector.train --data FOLDER --out FOLDER [--minutes N | --steps N]
        [--start BUNDLE]

The data is a folder of photographs with a .jsonl of labels; beside it may lie backgrounds/
(pictures without plates) and fonts/. The folder that holds these, with the photographs in train/,
does as well. Stopped by Ctrl-C or a signal it saves, and the same command goes on from there. With
--start it begins with the weights of a bundle, at a lower rate.
"""

import argparse
import json
import math
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import NetworkDetector
from hkplates.recognition.types import Photo
from models.detector.augmentation import Mixture, ViewMaker
from models.detector.batches import Batch, BatchLoader
from models.detector.curves import draw_training
from models.detector.dataset import LabelledPhoto, data_folders, draw_photos, read_data
from models.detector.evaluate import evaluate
from models.detector.hard_negatives import (
    HARD_NEGATIVES,
    MIN_FALSE_SCORE,
    mine_hard_negatives,
    write_hard_negatives,
)

CONFIG = Path(__file__).parent / "config.yaml"
Options = dict[str, Any]


class Progress:
    """The progress of a training, by time or by steps, over all of its runs."""

    def __init__(self, minutes: float | None, steps: int | None) -> None:
        self.step = 0
        self.spent = 0.0  # seconds, without loading and compiling
        self.mined = 0  # times that hard negatives were mined
        self.before: Options | None = None  # the training of the weights it began with
        self._minutes, self._steps = minutes, steps

    @property
    def share(self) -> float:
        """Returns the share done: 0 at the start, 1 at the end."""
        by_time = self.spent / 60 / self._minutes if self._minutes else 0.0
        by_steps = self.step / self._steps if self._steps else 0.0
        return max(by_time, by_steps)

    def rate(self, config: Options) -> float:
        """Returns the learning rate now: warm-up, then a cosine down to a hundredth."""
        warm = min(1.0, (self.step + 1) / config["warm_up"])
        cosine = 0.5 * (1 + math.cos(math.pi * min(self.share, 1.0)))
        return float(config["rate"] * warm * (0.01 + 0.99 * cosine))


class Training:
    """The network, its optimiser and averaged (EMA) weights, and their checkpoint on disk."""

    def __init__(self, out: Path, config: Options, progress: Progress) -> None:
        import keras
        import tensorflow as tf

        from models.detector.losses import total_loss
        from models.detector.network import ServingDetector, build_network, scale_pixels

        keras.utils.set_random_seed(config["seed"])
        self._tf, self._loss, self._scale_pixels = tf, total_loss, scale_pixels
        self.out, self.config, self.progress = out, config, progress
        self.network, self.averaged = build_network(), build_network()
        self.averaged.set_weights(self.network.get_weights())
        self._optimizer = keras.optimizers.AdamW(
            config["rate"], weight_decay=config["decay"], clipnorm=10.0
        )
        self._optimizer.build(self.network.trainable_variables)
        self._checkpoint = tf.train.Checkpoint(
            network=self.network, averaged=self.averaged, optimizer=self._optimizer
        )
        self._step = tf.function(self._one_step, reduce_retracing=True)
        self._forward = tf.function(
            ServingDetector(self.averaged).forward,
            input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)],
        )

    def step(self, batch: Batch) -> tuple[float, ...]:
        """Takes one step; returns the losses: total, heatmap, corners."""
        self._optimizer.learning_rate.assign(self.progress.rate(self.config))
        early = (1 + self.progress.step) / (10 + self.progress.step)
        keep = min(self.config["averaging"], early)
        constants = [self._tf.constant(column) for column in batch]
        losses = self._step(self._tf.constant(keep, self._tf.float32), *constants)
        self.progress.step += 1
        return tuple(float(loss) for loss in losses)

    def _one_step(self, keep: Any, pixels: Any, *targets: Any) -> Any:
        with self._tf.GradientTape() as tape:
            outputs = self.network(self._scale_pixels(pixels), training=True)
            losses = self._loss(outputs, *targets)
        weights = self.network.trainable_variables
        self._optimizer.apply(tape.gradient(losses[0], weights), weights)
        for mean, now in zip(self.averaged.weights, self.network.weights, strict=True):
            mean.assign(keep * mean + (1 - keep) * now)
        return losses

    def forward(self, photo: Photo) -> np.ndarray:
        """Runs the averaged weights on a fitted photograph: (height / 8, width / 8, 10)."""
        return self._forward(self._tf.constant(photo[None])).numpy()[0]

    def detector(self, threshold: float) -> NetworkDetector:
        """Returns a detector of the averaged weights."""
        inputs = [tuple(size) for size in self.config["inputs"]]
        return NetworkDetector(self.forward, inputs, threshold)

    def warm_start(self, bundle: Path) -> None:
        """Begins with a bundle's weights."""
        from models.detector.warm_start import load_bundle

        load_bundle(self.network, bundle)
        self.averaged.set_weights(self.network.get_weights())
        self.progress.before = dict(open_bundle(bundle).config["training"])

    def save(self) -> None:
        """Writes checkpoint and state, and the weights to export into a file of their own."""
        self._checkpoint.write(str(self.out / "checkpoint"))
        waiting = self.out / "averaged.new.weights.h5"
        self.averaged.save_weights(waiting)
        waiting.replace(self.out / "averaged.weights.h5")
        progress = self.progress
        names = ("step", "spent", "mined", "before")
        state = {name: getattr(progress, name) for name in names}
        (self.out / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def resume(self) -> bool:
        """Restores the checkpoint, if there is one; returns whether there was."""
        state = self.out / "state.json"
        if not state.exists():
            return False
        self._checkpoint.read(str(self.out / "checkpoint")).expect_partial()
        for name, value in json.loads(state.read_text(encoding="utf-8")).items():
            setattr(self.progress, name, value)
        return True


def read_config(path: Path = CONFIG) -> Options:
    """Reads the settings of a training."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def train(
    training: Training,
    loader: BatchLoader,
    photos: Sequence[LabelledPhoto],
    held: Sequence[LabelledPhoto],
) -> None:
    """Trains until the progress is done; saves and evaluates every few minutes."""
    config, progress = training.config, training.progress
    rng = np.random.default_rng(config["seed"])
    history: list[tuple[float, ...]] = []
    last = saved = time.monotonic()
    for batch in loader.batches(config["batch"]):
        history.append(training.step(batch))
        now = time.monotonic()
        progress.spent += now - last
        last = now
        if progress.step % config["report_steps"] == 0:
            _log_progress(training, history)
        if progress.share >= 1:
            break
        if now - saved > config["checkpoint_minutes"] * 60:
            _save_and_evaluate(training, held)
            saved = last = time.monotonic()
        if progress.mined < sum(progress.share >= at for at in config["mine_at"]):
            progress.mined += 1
            negatives = mine_hard_negatives(training.detector(MIN_FALSE_SCORE).detect, photos, rng)
            write_hard_negatives(training.out / HARD_NEGATIVES, negatives)
            print(f"mined {len(negatives)} false peaks", flush=True)
            last = time.monotonic()
    _save_and_evaluate(training, held)


def _log_progress(training: Training, history: list[tuple[float, ...]]) -> None:
    progress, config = training.progress, training.config
    total, heatmap, corners = np.mean(history[-config["report_steps"] :], axis=0)
    views = progress.step * config["batch"]
    print(
        f"{progress.share:6.1%}  step {progress.step}  {views} views  "
        f"{views / max(progress.spent, 1):.0f}/s  loss {total:.3f}  heat {heatmap:.3f}  "
        f"corners {corners:.4f}  rate {progress.rate(config):.2e}",
        flush=True,
    )
    append_json_line(
        training.out / "losses.jsonl", {"step": progress.step, "loss": round(float(total), 5)}
    )


def append_json_line(path: Path, record: Options) -> None:
    """Appends a line of JSON to a file."""
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")


def _save_and_evaluate(training: Training, held: Sequence[LabelledPhoto]) -> None:
    """Saves, evaluates on the photographs held back, and draws the curves."""
    training.save()
    figures = evaluate(held, training.detector(0.4).detect).figures()
    record = {"step": training.progress.step, "minutes": training.progress.spent / 60, **figures}
    append_json_line(training.out / "history.jsonl", record)
    draw_training(training.out)
    if not held:
        return
    every = figures["groups"].get("all", {})
    print(
        f"held back: {every.get('found')} of {every.get('asked')} found, corners "
        f"{every.get('corner_mean')}, false {figures['false_per_photo']}, foreign "
        f"{figures['foreign_per_photo']}",
        flush=True,
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--out", type=Path, default=Path(".train/detector"))
    cli.add_argument("--minutes", type=float)
    cli.add_argument("--steps", type=int)
    cli.add_argument("--fonts", type=Path, action="append", default=[], help="folder of typefaces")
    cli.add_argument("--start", type=Path, help="bundle whose weights to begin with")
    cli.add_argument("--config", type=Path, default=CONFIG)
    options = cli.parse_args(arguments)
    if not options.minutes and not options.steps:
        options.minutes = 90.0
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line and trains."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: save, end the loader
    cv2.setNumThreads(0)  # before the loader forks: OpenCV's threads do not survive that
    config = read_config(options.config)
    if options.start:
        config["rate"] = config["rate_after_start"]
    learn, held = read_data(options.data, config)
    learn += draw_photos(config["drawn_scenes"], config["seed"])
    fonts = [*options.fonts, *(f for f in data_folders(options.data)[2:] if f.is_dir())]
    maker = ViewMaker(learn, fonts, config["view"], Mixture(**config["mixture"]))
    options.out.mkdir(parents=True, exist_ok=True)
    with BatchLoader.running(maker, config, options.out) as loader:
        training = Training(options.out, config, Progress(options.minutes, options.steps))
        if training.resume():
            print(f"resumed at step {training.progress.step}", flush=True)
        elif options.start:
            training.warm_start(options.start)
        try:
            train(training, loader, learn, held)
        except KeyboardInterrupt:
            training.save()
            print(f"stopped and saved at step {training.progress.step}", flush=True)


if __name__ == "__main__":
    main()
