"""What the refiner learns from: places that the detector finds in its own views, and what they are.

A process of its own makes views as for the detector (models/detector/augmentation.py) and lets the
detector look at them; the training cuts parts out of those it keeps, along corners moved by chance.
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
from hkplates.recognition.detection.heatmap import Peak, find_peaks, overlap
from hkplates.recognition.detection.refiner import KINDS, look, plate_size, units
from models.detector.augmentation import View, ViewMaker
from models.detector.batches import HARD_NEGATIVES, RELOAD_BATCHES, read_hard_negatives
from models.detector.dataset import UNCERTAIN, LabelledPlate
from models.detector.targets import MIN_PLATE_WIDTH

NO_PLATE = KINDS.index("none")
MATCH_IOU = 0.3  # intersection over union from which a find is the labelled plate
BACKGROUND_IOU = 0.08  # from which it is neither that plate nor nothing
MAX_TRIES = 40  # views that are looked through for one of a kind
BOX_WEIGHT = 0.1  # how much the corners of an upright box count: they are a poor guess

Batch = tuple[np.ndarray, ...]
"""pixels uint8 (n, HEIGHT, WIDTH, 3), moves (n, 4, 2) in pixels of the input, weight of each
(n, 2) across and down, kind (n,) int32."""


@dataclass(frozen=True, slots=True)
class LabelledRegion:
    """A quad of a view, what it is, and the plate's true corners, which count by `weight`."""

    corners: np.ndarray
    kind: int
    truth: np.ndarray
    weight: float


@dataclass(frozen=True, slots=True)
class LabelledView:
    """A view's pixels and its places."""

    pixels: np.ndarray
    regions: tuple[LabelledRegion, ...]


class ProposalLabeller:
    """The detector's first look at a view."""

    def __init__(self, bundle: Path, min_score: float) -> None:
        self._detector = LiteRTDetector(open_bundle(bundle))
        self._min_score = min_score

    def regions(self, view: View) -> tuple[LabelledRegion, ...]:
        """What it finds, by the labels; and every labelled plate itself, found or not."""
        found = [_label_proposal(peak.corners, view.plates) for peak in self._peaks(view)]
        given = [_region_of(p.quad, p) for p in view.plates if p.label != UNCERTAIN]
        return tuple(place for place in [*found, *given] if place is not None)

    def _peaks(self, view: View) -> list[Peak]:
        return find_peaks(self._detector.answer(view.pixels), self._min_score)


def _label_proposal(corners: np.ndarray, plates: Sequence[LabelledPlate]) -> LabelledRegion | None:
    """A find as a place to learn from; None where the labels leave open what it is."""
    shares = [overlap(corners, plate.quad.astype(np.float32)) for plate in plates]
    best = int(np.argmax(shares)) if shares else -1
    if best < 0 or shares[best] < BACKGROUND_IOU:
        return LabelledRegion(corners, NO_PLATE, corners, 0.0)
    plate = plates[best]
    return (
        _region_of(corners, plate)
        if shares[best] >= MATCH_IOU and plate.label != UNCERTAIN
        else None
    )


def _region_of(corners: np.ndarray, plate: LabelledPlate) -> LabelledRegion | None:
    if plate_size(plate.quad)[0] < MIN_PLATE_WIDTH:
        return None
    weight = 1.0 if plate.exact else BOX_WEIGHT
    return LabelledRegion(corners.astype(float), plate.label, plate.quad.astype(float), weight)


class ReplayBuffer:
    """Views kept, to be shown parts of several times over."""

    def __init__(self, config: Mapping[str, Any], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._capacity, self._jitter = int(config["pool"]), config["jitter"]
        self._shares = np.array([config["shares"][kind] for kind in KINDS])
        self._views: list[LabelledView] = []

    def add(self, view: LabelledView) -> None:
        """Keep a view, in place of another where the pool is full."""
        if len(self._views) < self._capacity:
            self._views.append(view)
        else:
            self._views[self._rng.integers(self._capacity)] = view

    def batch(self, size: int) -> Batch:
        """`size` parts: kinds by their shares, then views by chance."""
        parts = []
        while len(parts) < size:
            kind = int(self._rng.choice(len(KINDS), p=self._shares))
            # Another view where one has nothing of this kind; few kinds are in no view at all.
            tries = (self._sample(kind) for _ in range(MAX_TRIES))
            parts += itertools.islice((part for part in tries if part is not None), 1)
        pixels, moves, weights, kinds = zip(*parts, strict=True)
        return (
            np.stack(pixels),
            np.stack(moves).astype(np.float32),
            np.stack(weights).astype(np.float32),
            np.array(kinds, np.int32),
        )

    def _sample(self, kind: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int] | None:
        rng = self._rng
        seen = self._views[rng.integers(len(self._views))]
        places = [place for place in seen.regions if place.kind == kind]
        if not places:
            return None
        place = places[rng.integers(len(places))]
        loose = jitter(rng, place.corners, rng.uniform(*self._jitter))
        glimpse = look(seen.pixels, loose)
        if glimpse is None:
            return None
        width, height = plate_size(loose)
        weight = np.array([place.weight / unit for unit in units(min(width / height, 8.0))])
        return glimpse.pixels, glimpse.from_photo(place.truth) - glimpse.corners, weight, kind


def jitter(rng: np.random.Generator, corners: np.ndarray, off: float) -> np.ndarray:
    """Corners moved by `off` heights of the plate: a third each alone, the rest together."""
    width, height = plate_size(corners)
    alone = rng.normal(0, 0.4, (4, 2)) * off * height
    together = rng.normal(0, 0.5, 2) * off * height
    grown = 1 + rng.normal(0, 0.6, 2) * off * height / np.array([width, height])
    middle = corners.mean(axis=0)
    return (corners - middle) * grown + middle + together + alone


class ViewLoader:
    """Views with their places, from a process of its own."""

    def __init__(
        self, maker: ViewMaker, bundle: Path, config: Mapping[str, Any], out: Path
    ) -> None:
        """`bundle` is the detector's; `out` may hold a file of its hard spots."""
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
        """A feed that is ended when the block is left."""
        feed = cls(maker, bundle, config, out)
        try:
            yield feed
        finally:
            feed.close()

    def views(self) -> Iterator[LabelledView]:
        """Without end."""
        while True:
            try:
                yield self._queue.get(timeout=60)
            except queue.Empty:
                if not self._worker.is_alive():
                    raise RuntimeError("the process that makes views has died") from None

    def close(self) -> None:
        """End the process."""
        self._worker.terminate()
        self._worker.join()


def _make_views(
    maker: ViewMaker,
    bundle: Path,
    config: Mapping[str, Any],
    hard_negatives: Path,
    out: multiprocessing.Queue,
) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent ends us
    rng = np.random.default_rng(config["seed"])
    finder = ProposalLabeller(bundle, config["least_warmth"])
    number = 0
    while True:
        if number % RELOAD_BATCHES == 0:
            maker.hard_negatives = read_hard_negatives(hard_negatives)
        number += 1
        view = maker.make(rng)
        out.put(LabelledView(view.pixels, finder.regions(view)))
