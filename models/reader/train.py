"""Trains the reader: python -m models.reader.train --data DATA [--samples N] [--fresh]

With --start it begins with the weights of another training's folder, or of a bundle; --config may
name another recipe, as finetune.yaml. The learning rate follows the samples seen; with --minutes N
it follows the time spent where that is ahead, so that a slow machine ends its cosine too. State is
saved every few minutes; stopped, the same command goes on, unless --fresh.
"""

import argparse
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import tensorflow as tf
import yaml

from models.reader import evaluate
from models.reader.curves import draw
from models.reader.dataset import Batch, SampleGenerator, parse_mixture
from models.reader.network import BLANK, CTC_FRAMES, build
from models.reader.photo_crops import HeldOut
from models.reader.warm_start import load_bundle

Config = Mapping[str, Any]
CONFIG = Path(__file__).with_name("config.yaml")
FINETUNE = Path(__file__).with_name("finetune.yaml")
MAX_STEP_SECONDS = 5.0  # a step that took longer was suspended meanwhile
WARM_START_SAMPLES = 512  # to unfold the batch normalisation of a bundle's weights


class Trainer:
    """The network, its optimiser, and the samples and seconds it has been trained with."""

    def __init__(self, config: Config, folder: Path) -> None:
        self._config = config
        keras.utils.set_random_seed(config["seed"])
        self.model = build()
        self._optimiser = keras.optimizers.AdamW(
            config["learning_rate"], weight_decay=config["weight_decay"], global_clipnorm=5.0
        )
        self._optimiser.build(self.model.trainable_variables)
        self.spent = tf.Variable(0.0, dtype=tf.float64)
        self.steps = tf.Variable(0, dtype=tf.int64)
        state = tf.train.Checkpoint(
            model=self.model, optimiser=self._optimiser, spent=self.spent, steps=self.steps
        )
        self._manager = tf.train.CheckpointManager(state, str(folder / "state"), max_to_keep=2)
        self._step = tf.function(self._train_step, autograph=False)

    @property
    def seed(self) -> int:
        """Returns the seed of the weights and of the samples."""
        return int(self._config["seed"])

    @property
    def held_out(self) -> list[float]:
        """Returns the range of train/'s plates held out from it (photo_crops.HeldOut)."""
        return list(self._config["held_out"])

    @property
    def samples(self) -> int:
        """Returns the number of samples it was trained with."""
        return int(self.steps.numpy()) * int(self._config["batch"])

    @property
    def progress(self) -> float:
        """Returns the share of the samples or of the time that is used up, the larger: 0 to 1."""
        minutes = self._config.get("minutes")
        by_time = float(self.spent.numpy()) / (minutes * 60) if minutes else 0.0
        return min(1.0, max(by_time, self.samples / self._config["samples"]))

    def warm_start(self, source: Path, pixels: np.ndarray) -> None:
        """Loads the weights of a training's folder, or of a bundle.

        `pixels` are samples, for the statistics of a bundle's batch normalisation
        (models/reader/warm_start.py).
        """
        saved = tf.train.latest_checkpoint(str(source / "state"))
        if saved is None:
            load_bundle(self.model, source, pixels)
        else:
            tf.train.Checkpoint(model=self.model).restore(saved).expect_partial()

    def resume(self) -> bool:
        """Restores the newest saved state; returns False if there is none."""
        return self._manager.restore_or_initialize() is not None

    def save(self) -> None:
        """Saves the whole state."""
        self._manager.save()

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Runs one training step and returns the losses by name."""
        self._optimiser.learning_rate.assign(self._learning_rate())
        losses = self._step(*map(tf.constant, dataclasses.astuple(batch)))
        self.steps.assign_add(1)
        return {name: float(value) for name, value in losses.items()}

    def _learning_rate(self) -> float:
        """Returns the rate of a linear warm-up, then of a cosine over the progress."""
        warm = min(1.0, (int(self.steps.numpy()) + 1) / self._config["warmup_steps"])
        cosine = 0.5 * (1 + math.cos(math.pi * self.progress))
        return float(self._config["learning_rate"]) * warm * max(cosine, 0.002)

    def _train_step(self, pixels, symbols, lower, lower_known, rows, rows_known):
        with tf.GradientTape() as tape:
            out = self.model(pixels, training=True)
            losses = {
                "slots": tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(symbols, out["slots"])
                ),
                "ctc": _ctc_loss(symbols, out["ctc"]),
                "lower": _masked_binary_loss(lower, out["lower"], lower_known),
                "rows": _masked_binary_loss(rows, out["rows"], rows_known),
            }
            total = sum(self._config["losses"][name] * value for name, value in losses.items())
        gradients = tape.gradient(total, self.model.trainable_variables)
        self._optimiser.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return losses


def _ctc_loss(symbols, logits):
    """Returns the mean CTC loss, also for samples without text."""
    # TensorFlow's kernel takes no empty text: there every frame has to be blank instead.
    empty = symbols[:, 0] == BLANK
    filled = tf.concat([tf.where(empty, 0, symbols[:, 0])[:, None], symbols[:, 1:]], axis=1)
    # Sparse labels choose that kernel; dense ones a far slower graph.
    where = tf.where(filled < BLANK)
    labels = tf.SparseTensor(where, tf.gather_nd(filled, where), tf.shape(filled, tf.int64))
    lengths = tf.fill([tf.shape(symbols)[0]], CTC_FRAMES)
    loss = tf.nn.ctc_loss(labels, logits, None, lengths, logits_time_major=False, blank_index=BLANK)
    all_blank = -tf.reduce_sum(tf.nn.log_softmax(logits)[:, :, BLANK], axis=1)
    return tf.reduce_mean(tf.where(empty, all_blank, loss))


def _masked_binary_loss(target, logits, weight):
    """Returns the binary cross-entropy, averaged where the weight is 1."""
    loss = tf.nn.sigmoid_cross_entropy_with_logits(target, logits)
    return tf.reduce_sum(loss * weight) / (tf.reduce_sum(weight) + 1.0)


def train(
    config: Config,
    data: Path,
    folder: Path,
    fonts: list[Path],
    *,
    resume: bool,
    start: Path | None = None,
) -> Trainer:
    """Trains until the samples are used up; log.jsonl and the state are written to `folder`.

    A training that does not resume begins with the weights of `start`, if given: the folder of
    another training, or a bundle.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, folder)
    resumed = resume and trainer.resume()
    # Other samples after an interruption, not the first ones once more.
    seed = config["seed"] + (int(trainer.steps.numpy()) if resumed else 0)
    held_out = HeldOut(*config["held_out"])
    samples = SampleGenerator(
        data, seed, held_out, fonts, blur=config.get("blur", True), negatives=True
    )
    if start and not resumed:
        last = parse_mixture(mixture_values(config["phases"][-1]))
        trainer.warm_start(start, samples.batch(WARM_START_SAMPLES, last).pixels)
    held = evaluate.held_out_inputs(data, held_out)
    with (folder / "log.jsonl").open("a" if resumed else "w", encoding="utf-8") as log:
        _train_loop(trainer, config, samples, held, log)
    draw(folder)
    return trainer


def _train_loop(
    trainer: Trainer, config: Config, samples: SampleGenerator, held: Any, log: Any
) -> None:
    """Runs steps until the training is done; evaluates and saves at intervals of time spent."""
    phases = [(phase["until"], parse_mixture(mixture_values(phase))) for phase in config["phases"]]
    every = {"evaluate": config["evaluate_minutes"] * 60, "save": config["checkpoint_minutes"] * 60}
    due = {name: float(trainer.spent.numpy()) + gap for name, gap in every.items()}
    recent: list[dict[str, float]] = []
    traced = False
    batches = _prefetch(
        lambda: samples.batch(
            config["batch"], next(mix for until, mix in phases if trainer.progress <= until)
        )
    )
    while trainer.progress < 1:
        started = time.monotonic()
        recent.append(trainer.train_step(next(batches)))
        # The first step is mostly TensorFlow's tracing, which is no training.
        took = min(time.monotonic() - started, MAX_STEP_SECONDS)
        spent = trainer.spent.assign_add(took if traced else 0.0).numpy()
        traced = True
        last = trainer.progress >= 1
        if spent >= due["evaluate"] or last:
            due["evaluate"] += every["evaluate"]
            _log_progress(trainer, config, recent, held, log)
            recent = []
        if spent >= due["save"] or last:
            due["save"] += every["save"]
            trainer.save()


def _prefetch(draw: Callable[[], Batch]) -> Iterator[Batch]:
    """Yields batches without end, drawing the next one in a thread during the training step."""
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(draw)
        while True:
            batch = waiting.result()
            waiting = thread.submit(draw)
            yield batch


def _log_progress(trainer: Trainer, config: Config, recent: Any, held: Any, log: Any) -> None:
    """Evaluates the network and writes one line of log.jsonl, with the mean of recent losses."""
    mean = {name: round(float(np.mean([r[name] for r in recent])), 4) for name in recent[0]}
    line = {
        "minutes": round(float(trainer.spent.numpy()) / 60, 1),
        "samples": trainer.samples,
        "losses": mean,
        "held_out": evaluate.head_accuracy(trainer.model, held),
    }
    print(json.dumps(line), flush=True)
    print(json.dumps(line), file=log, flush=True)


def mixture_values(phase: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a phase's values without the progress at which it ends."""
    return {name: value for name, value in phase.items() if name != "until"}


def main() -> None:
    """Parses the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/, backgrounds/")
    parser.add_argument("--folder", type=Path, default=Path(".train/reader"))
    parser.add_argument("--fonts", type=Path, action="append", help="further typeface folders")
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--start", type=Path, help="training or bundle to begin with")
    parser.add_argument("--samples", type=int)
    parser.add_argument("--minutes", type=float, help="end after so many as well")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--fresh", action="store_true", help="start anew, not where it stopped")
    parser.add_argument("--held-out", type=float, nargs=2, help="range of plates not to train on")
    given = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(given.threads)
    tf.config.threading.set_inter_op_parallelism_threads(min(given.threads, 1))
    cv2.setNumThreads(given.threads or -1)
    config = yaml.safe_load(given.config.read_text(encoding="utf-8"))
    config["minutes"] = given.minutes
    config["samples"] = given.samples or config["samples"]
    config["batch"] = given.batch or config["batch"]
    config["held_out"] = given.held_out or config["held_out"]
    fonts = given.fonts or [given.data / "fonts"]
    resume = not given.fresh
    train(config, given.data, given.folder, fonts, resume=resume, start=given.start)


if __name__ == "__main__":
    main()
