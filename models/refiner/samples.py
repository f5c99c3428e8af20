"""Samples what the refiner learns from: the detector's proposals in its own views, labelled.

A process of its own makes views as for the detector (models/detector/augmentation.py) and runs the
detector on them; the training crops patches of those it keeps, along randomly moved corners.
The process is forked before TensorFlow is imported: a child forked after it may hang.
"""

import itertools
import multiprocessing
import queue
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hkplates.recognition.detection.refiner import (
    CLASSES,
    crop_patch,
    pixels_per_plate_height,
    plate_size,
)
from models.detector.augmentation import ViewMaker
from models.detector.batches import RELOAD_BATCHES
from models.detector.hard_negatives import HARD_NEGATIVES, read_hard_negatives
from models.refiner.regions import LabelledRegion, ProposalLabeller

MIN_CHANCE = 0.1  # of a region, beside the detector's score
MAX_TRIES = 40  # views that are searched for a region of one class

NEAR_SCALES = (1.0, 0.5)  # at which the detector sees views of plates from near

Makers = tuple[ViewMaker, ViewMaker]
"""Of usual views, and of twice as large ones of plates from near."""

Batch = tuple[np.ndarray, ...]
"""pixels uint8 (n, HEIGHT, WIDTH, 3), corner offsets (n, 4, 2) in pixels of the input, weight
(n, 2) across and down, class (n,) int32."""


@dataclass(frozen=True, slots=True)
class LabelledView:
    """A view's pixels and its labelled regions."""

    pixels: np.ndarray
    regions: tuple[LabelledRegion, ...]


class ReplayBuffer:
    """A buffer of views, of which patches are cropped several times over."""

    def __init__(self, config: Mapping[str, Any], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._capacity, self._jitter = int(config["pool"]), config["jitter"]
        self._shares = np.array([config["shares"][kind] for kind in CLASSES])
        self._views: list[LabelledView] = []

    def add(self, view: LabelledView) -> None:
        """Keeps a view, in place of a random one where the buffer is full."""
        if len(self._views) < self._capacity:
            self._views.append(view)
        else:
            self._views[self._rng.integers(self._capacity)] = view

    def batch(self, size: int) -> Batch:
        """Samples `size` patches: classes by their shares, then views by chance."""
        patches = []
        while len(patches) < size:
            label = int(self._rng.choice(len(CLASSES), p=self._shares))
            # Another view where one has no region of this class; few classes are in no view at all.
            tries = (self._sample(label) for _ in range(MAX_TRIES))
            patches += itertools.islice((patch for patch in tries if patch is not None), 1)
        pixels, offsets, weights, labels = zip(*patches, strict=True)
        return (
            np.stack(pixels),
            np.stack(offsets).astype(np.float32),
            np.stack(weights).astype(np.float32),
            np.array(labels, np.int32),
        )

    def _sample(self, label: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int] | None:
        """Crops a patch of this class from a random view; None where that has none.

        Returns pixels, corner offsets, weights and the class, as in `Batch`.
        """
        rng = self._rng
        view = self._views[rng.integers(len(self._views))]
        regions = [region for region in view.regions if region.label == label]
        if not regions:
            return None
        # What the detector is surer of comes oftener: it is what there will be to judge.
        chances = np.array([region.score + MIN_CHANCE for region in regions])
        region = regions[rng.choice(len(regions), p=chances / chances.sum())]
        loose = jitter(rng, region.corners, rng.uniform(*self._jitter))
        glimpse = crop_patch(view.pixels, loose)
        if glimpse is None:
            return None
        width, height = plate_size(loose)
        weight = np.array(
            [region.weight / unit for unit in pixels_per_plate_height(min(width / height, 8.0))]
        )
        return glimpse.pixels, glimpse.from_photo(region.truth) - glimpse.corners, weight, label


def jitter(rng: np.random.Generator, corners: np.ndarray, off: float) -> np.ndarray:
    """Moves corners by about `off` heights of the plate: each alone, all together, and in size."""
    width, height = plate_size(corners)
    alone = rng.normal(0, 0.4, (4, 2)) * off * height
    together = rng.normal(0, 0.5, 2) * off * height
    grown = 1 + rng.normal(0, 0.6, 2) * off * height / np.array([width, height])
    middle = corners.mean(axis=0)
    return (corners - middle) * grown + middle + together + alone


class ViewLoader:
    """Loads views with their labelled regions from a process of its own."""

    def __init__(self, makers: Makers, bundle: Path, config: Mapping[str, Any], out: Path) -> None:
        """Starts the process; `bundle` is the detector's, `out` may hold hard negatives."""
        fork = multiprocessing.get_context("fork")
        self._queue: multiprocessing.Queue = fork.Queue(maxsize=64)
        arguments = (makers, bundle, config, out / HARD_NEGATIVES, self._queue)
        self._worker = fork.Process(target=_make_views, args=arguments, daemon=True)
        self._worker.start()

    @classmethod
    @contextmanager
    def running(
        cls, makers: Makers, bundle: Path, config: Mapping[str, Any], out: Path
    ) -> Iterator["ViewLoader"]:
        """Yields a loader, and closes it when the block is left."""
        loader = cls(makers, bundle, config, out)
        try:
            yield loader
        finally:
            loader.close()

    def views(self) -> Iterator[LabelledView]:
        """Yields views, without end."""
        while True:
            try:
                yield self._queue.get(timeout=60)
            except queue.Empty:
                if not self._worker.is_alive():
                    raise RuntimeError("the process that makes views has died") from None

    def close(self) -> None:
        """Ends the process."""
        self._worker.terminate()
        self._worker.join()


def _make_views(
    makers: Makers,
    bundle: Path,
    config: Mapping[str, Any],
    hard_negatives: Path,
    out: multiprocessing.Queue,
) -> None:
    """Puts views with their labelled regions into the queue, without end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C reaches the whole group; the parent ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    rng = np.random.default_rng(config["seed"])
    labeller = ProposalLabeller(bundle, config["min_proposal_score"], config["pieces"])
    usual, near = makers
    number = 0
    while True:
        if number % RELOAD_BATCHES == 0:
            usual.hard_negatives = read_hard_negatives(hard_negatives)
        number += 1
        if rng.random() < config["near"]:
            view, scales = near.make(rng), NEAR_SCALES
        else:
            view, scales = usual.make(rng), (1.0,)
        regions = labeller.regions(view, rng, scales)
        out.put(LabelledView(view.pixels, regions))
