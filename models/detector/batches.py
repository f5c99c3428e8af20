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

from models.detector.augmentation import Spot, ViewMaker
from models.detector.targets import draw_targets

Batch = tuple[np.ndarray, ...]
"""pixels uint8, heat, care, corners, weight; the first axis is the view."""

POOL = 2000  # views; 0.35 GB
SPOTS = "spots.json"  # in the folder of a training
LOOK_FOR_SPOTS = 20  # batches between looks at the file of hard spots


class Feed:
    """An endless supply of batches."""

    def __init__(
        self, maker: ViewMaker, *, fresh: int, processes: int, seed: int, spots: Path
    ) -> None:
        """`fresh` new views a batch, made by `processes`; `spots` is a file that may appear."""
        fork = multiprocessing.get_context("fork")
        self._queue: multiprocessing.Queue = fork.Queue(maxsize=16)
        self._pool: list[Batch] = []
        self._rng = np.random.default_rng(seed)
        self._workers = [
            fork.Process(
                target=_produce, args=(maker, self._queue, fresh, (seed, n), spots), daemon=True
            )
            for n in range(processes)
        ]
        for worker in self._workers:
            worker.start()

    @classmethod
    @contextmanager
    def of(cls, maker: ViewMaker, config: Mapping[str, Any], out: Path) -> Iterator["Feed"]:
        """A feed as the training's config says, ended when the block is left."""
        feed = cls(
            maker,
            fresh=config["fresh"],
            processes=config["processes"],
            seed=config["seed"],
            spots=out / SPOTS,
        )
        try:
            yield feed
        finally:
            feed.close()

    def batches(self, size: int) -> Iterator[Batch]:
        """Batches of `size` views."""
        while True:
            new = self._next()
            self._keep(new)
            count = size - len(new[0])
            old = [self._pool[i] for i in self._rng.integers(0, len(self._pool), count)]
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

    def _keep(self, new: Batch) -> None:
        for view in zip(*new, strict=True):
            if len(self._pool) < POOL:
                self._pool.append(view)
            else:
                self._pool[self._rng.integers(POOL)] = view


def write_spots(path: Path, spots: Sequence[Spot]) -> None:
    """Where the processes that make views will find them."""
    rows = [[spot.file, spot.x, spot.y, spot.width] for spot in spots]
    waiting = path.with_suffix(".new")
    waiting.write_text(json.dumps(rows), encoding="utf-8")
    waiting.replace(path)


def read_spots(path: Path) -> list[Spot]:
    """Those written; none where there is no file yet."""
    if not path.exists():
        return []
    return [Spot(*row) for row in json.loads(path.read_text(encoding="utf-8"))]


def _produce(
    maker: ViewMaker,
    out: multiprocessing.Queue,
    fresh: int,
    seed: Sequence[int],
    spots: Path,
) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent ends us
    rng = np.random.default_rng(seed)
    number = 0
    while True:
        if number % LOOK_FOR_SPOTS == 0:
            maker.spots = read_spots(spots)
        number += 1
        views = [maker.make(rng) for _ in range(fresh)]
        targets = [draw_targets(view.plates, maker.size) for view in views]
        columns = [[view.pixels for view in views]]
        columns += [
            [getattr(t, name) for t in targets] for name in ("heat", "care", "corners", "weight")
        ]
        out.put(tuple(np.stack(column) for column in columns))
