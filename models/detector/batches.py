"""Batches from processes of their own, half of each replayed from a pool of earlier views.

The processes are forked before TensorFlow is imported: a child forked after it may hang.
"""

import json
import multiprocessing
import queue
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from models.detector.augmentation import HardNegative, ViewMaker
from models.detector.targets import draw_targets

Batch = tuple[np.ndarray, ...]
"""pixels uint8, heat, care, corners, weight; the first axis is the view."""

REPLAY_VIEWS = 2000  # views; 0.35 GB
HARD_NEGATIVES = "spots.json"  # in the folder of a training
RELOAD_BATCHES = 20  # batches between looks at the file of hard spots


class BatchLoader:
    """An endless supply of batches."""

    def __init__(
        self, maker: ViewMaker, *, fresh: int, processes: int, seed: int, hard_negatives: Path
    ) -> None:
        """`fresh` new views a batch, made by `processes`; `spots` is a file that may appear."""
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
        """A feed as the training's config says, ended when the block is left."""
        feed = cls(
            maker,
            fresh=config["fresh"],
            processes=config["processes"],
            seed=config["seed"],
            hard_negatives=out / HARD_NEGATIVES,
        )
        try:
            yield feed
        finally:
            feed.close()

    def batches(self, size: int) -> Iterator[Batch]:
        """Batches of `size` views."""
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
        """End the processes."""
        for worker in self._workers:
            worker.terminate()
            worker.join()

    def _next(self) -> Batch:
        while True:
            try:
                return self._queue.get(timeout=20)
            except queue.Empty:
                if not any(worker.is_alive() for worker in self._workers):
                    raise RuntimeError("every process that makes views has died") from None

    def _remember(self, new: Batch) -> None:
        for view in zip(*new, strict=True):
            if len(self._replay) < REPLAY_VIEWS:
                self._replay.append(view)
            else:
                self._replay[self._rng.integers(REPLAY_VIEWS)] = view


def write_hard_negatives(path: Path, found: Sequence[HardNegative]) -> None:
    """Where the processes that make views will find them."""
    rows = [[spot.file, spot.x, spot.y, spot.width] for spot in found]
    waiting = path.with_suffix(".new")
    waiting.write_text(json.dumps(rows), encoding="utf-8")
    waiting.replace(path)


def read_hard_negatives(path: Path) -> list[HardNegative]:
    """Those written; none where there is no file yet."""
    if not path.exists():
        return []
    return [HardNegative(*row) for row in json.loads(path.read_text(encoding="utf-8"))]


def _make_batches(
    maker: ViewMaker,
    out: multiprocessing.Queue,
    fresh: int,
    seed: Sequence[int],
    hard_negatives: Path,
) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent ends us
    rng = np.random.default_rng(seed)
    number = 0
    while True:
        if number % RELOAD_BATCHES == 0:
            maker.hard_negatives = read_hard_negatives(hard_negatives)
        number += 1
        views = [maker.make(rng) for _ in range(fresh)]
        targets = [draw_targets(view.plates, maker.size) for view in views]
        columns = [[view.pixels for view in views]]
        columns += [
            [getattr(t, name) for t in targets] for name in ("heat", "care", "corners", "weight")
        ]
        out.put(tuple(np.stack(column) for column in columns))
