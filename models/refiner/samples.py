"""Samples what the refiner learns from: the detector's proposals in its own views, labelled.

A process of its own makes views as for the detector (models/detector/augmentation.py) and runs the
detector on them; the training crops patches of those it keeps, along randomly moved corners.
The process is forked before TensorFlow is imported: a child forked after it may hang.
"""

import itertools
import multiprocessing
import queue
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import LiteRTDetector
from hkplates.recognition.detection.heatmap import find_peaks
from hkplates.recognition.detection.refiner import (
    CLASSES,
    crop_patch,
    pixels_per_plate_height,
    plate_size,
)
from hkplates.recognition.detection.suppression import Peak
from hkplates.recognition.geometry import quad_iou
from models.detector.augmentation import ViewMaker
from models.detector.batches import RELOAD_BATCHES
from models.detector.crops import View
from models.detector.dataset import UNCERTAIN, LabelledPlate
from models.detector.hard_negatives import HARD_NEGATIVES, read_hard_negatives
from models.detector.targets import MIN_PLATE_WIDTH

NO_PLATE = CLASSES.index("none")
MATCH_IOU = 0.3  # from which a proposal is the labelled plate
BACKGROUND_IOU = 0.08  # below which it is background; between them it is neither
MAX_TRIES = 40  # views that are searched for a region of one class
BOX_WEIGHT = 0.1  # of the corners of an upright box: they are a poor guess

Batch = tuple[np.ndarray, ...]
"""pixels uint8 (n, HEIGHT, WIDTH, 3), corner offsets (n, 4, 2) in pixels of the input, weight
(n, 2) across and down, class (n,) int32."""


@dataclass(frozen=True, slots=True)
class LabelledRegion:
    """A quad of a view, its class, and the plate's true corners, which count by `weight`."""

    corners: np.ndarray
    label: int
    truth: np.ndarray
    weight: float


@dataclass(frozen=True, slots=True)
class LabelledView:
    """A view's pixels and its labelled regions."""

    pixels: np.ndarray
    regions: tuple[LabelledRegion, ...]


class ProposalLabeller:
    """Labels the detector's proposals in a view by the plates on it."""

    def __init__(self, bundle: Path, min_score: float) -> None:
        self._detector = LiteRTDetector(open_bundle(bundle))
        self._min_score = min_score

    def regions(self, view: View) -> tuple[LabelledRegion, ...]:
        """Returns the labelled proposals, and every labelled plate itself, found or not."""
        found = [_label_proposal(peak.corners, view.plates) for peak in self._peaks(view)]
        given = [_region_of(p.quad, p) for p in view.plates if p.label != UNCERTAIN]
        return tuple(region for region in [*found, *given] if region is not None)

    def _peaks(self, view: View) -> list[Peak]:
        return find_peaks(self._detector.forward(view.pixels), self._min_score)


def _label_proposal(corners: np.ndarray, plates: Sequence[LabelledPlate]) -> LabelledRegion | None:
    """Labels a proposal by its overlap with plates; None where the labels leave its class open."""
    ious = [quad_iou(corners.tolist(), plate.quad.tolist()) for plate in plates]
    best = int(np.argmax(ious)) if ious else -1
    if best < 0 or ious[best] < BACKGROUND_IOU:
        return LabelledRegion(corners, NO_PLATE, corners, 0.0)
    plate = plates[best]
    matches = ious[best] >= MATCH_IOU and plate.label != UNCERTAIN
    return _region_of(corners, plate) if matches else None


def _region_of(corners: np.ndarray, plate: LabelledPlate) -> LabelledRegion | None:
    """Pairs a quad with the plate it shows; None where the plate is too small to learn from."""
    if plate_size(plate.quad)[0] < MIN_PLATE_WIDTH:
        return None
    weight = 1.0 if plate.exact else BOX_WEIGHT
    return LabelledRegion(corners.astype(float), plate.label, plate.quad.astype(float), weight)


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
        region = regions[rng.integers(len(regions))]
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

    def __init__(
        self, maker: ViewMaker, bundle: Path, config: Mapping[str, Any], out: Path
    ) -> None:
        """Starts the process; `bundle` is the detector's, `out` may hold hard negatives."""
        fork = multiprocessing.get_context("fork")
        self._queue: multiprocessing.Queue = fork.Queue(maxsize=64)
        arguments = (maker, bundle, config, out / HARD_NEGATIVES, self._queue)
        self._worker = fork.Process(target=_make_views, args=arguments, daemon=True)
        self._worker.start()

    @classmethod
    @contextmanager
    def running(
        cls, maker: ViewMaker, bundle: Path, config: Mapping[str, Any], out: Path
    ) -> Iterator["ViewLoader"]:
        """Yields a loader, and closes it when the block is left."""
        loader = cls(maker, bundle, config, out)
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
    maker: ViewMaker,
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
    labeller = ProposalLabeller(bundle, config["min_proposal_score"])
    number = 0
    while True:
        if number % RELOAD_BATCHES == 0:
            maker.hard_negatives = read_hard_negatives(hard_negatives)
        number += 1
        view = maker.make(rng)
        out.put(LabelledView(view.pixels, labeller.regions(view)))
