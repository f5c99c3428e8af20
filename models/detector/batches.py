"""Loads batches from processes of their own, half of each replayed from a buffer of earlier views.

The processes are forked before TensorFlow is imported: a child forked after it may hang.
"""

import multiprocessing
import queue
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from models.detector.augmentation import ViewMaker
from models.detector.hard_negatives import HARD_NEGATIVES, read_hard_negatives
from models.detector.targets import draw_targets

Batch = tuple[np.ndarray, ...]
"""pixels uint8, heatmap, mask, corners, weight; the first axis is the view."""

REPLAY_VIEWS = 2000  # 0.35 GB
RELOAD_BATCHES = 20  # batches after which the file of hard negatives is read again


class BatchLoader:
    """An endless supply of batches, made by forked processes."""

    def __init__(
        self, maker: ViewMaker, *, fresh: int, processes: int, seed: int, hard_negatives: Path
    ) -> None:
        """Starts `processes` that make `fresh` new views a batch.

        `hard_negatives` is a file that may appear while they work.
        """
        fork = multiprocessing.get_context("fork")
        self._queue: multiprocessing.Queue = fork.Queue(maxsize=16)
        self._replay: list[Batch] = []
        self._rng = np.random.default_rng(seed)
        self._workers = [
            fork.Process(
                target=_make_batches,
                args=(maker, self._queue, fresh, (seed, n), hard_negatives),
                daemon=True,
            )
            for n in range(processes)
        ]
        for worker in self._workers:
            worker.start()

    @classmethod
    @contextmanager
    def running(
        cls, maker: ViewMaker, config: Mapping[str, Any], out: Path
    ) -> Iterator["BatchLoader"]:
        """Yields a loader as the training's config says, and closes it when the block is left."""
        loader = cls(
            maker,
            fresh=config["fresh"],
            processes=config["processes"],
            seed=config["seed"],
            hard_negatives=out / HARD_NEGATIVES,
        )
        try:
            yield loader
        finally:
            loader.close()

    def batches(self, size: int) -> Iterator[Batch]:
        """Yields batches of `size` views, without end."""
        while True:
            new = self._next()
            self._remember(new)
            count = size - len(new[0])
            old = [self._replay[i] for i in self._rng.integers(0, len(self._replay), count)]
            replayed = [np.stack(column) for column in zip(*old, strict=True)] if old else []
            yield (
                tuple(np.concatenate(pair) for pair in zip(new, replayed, strict=True))
                if old
                else new
            )

    def close(self) -> None:
        """Ends the processes."""
        for worker in self._workers:
            worker.terminate()
            worker.join()

    def _next(self) -> Batch:
        """Waits for new views.

        Raises:
            RuntimeError: every process that makes views has died.
        """
        while True:
            try:
                return self._queue.get(timeout=20)
            except queue.Empty:
                if not any(worker.is_alive() for worker in self._workers):
                    raise RuntimeError("every process that makes views has died") from None

    def _remember(self, new: Batch) -> None:
        """Puts new views into the replay buffer, in place of random ones where it is full."""
        for view in zip(*new, strict=True):
            if len(self._replay) < REPLAY_VIEWS:
                self._replay.append(view)
            else:
                self._replay[self._rng.integers(REPLAY_VIEWS)] = view


def _make_batches(
    maker: ViewMaker,
    out: multiprocessing.Queue,
    fresh: int,
    seed: Sequence[int],
    hard_negatives: Path,
) -> None:
    """Puts batches of `fresh` views and their targets into the queue, without end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C reaches the whole group; the parent ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rng = np.random.default_rng(seed)
    number = 0
    while True:
        if number % RELOAD_BATCHES == 0:
            maker.hard_negatives = read_hard_negatives(hard_negatives)
        number += 1
        views = [maker.make(rng) for _ in range(fresh)]
        targets = [draw_targets(view.plates, maker.size) for view in views]
        columns = [[view.pixels for view in views]]
        names = ("heatmap", "mask", "corners", "weight")
        columns += [[getattr(target, name) for target in targets] for name in names]
        out.put(tuple(np.stack(column) for column in columns))
