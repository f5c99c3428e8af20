"""Labels quads of a view by its plates: proposals, plates themselves, and pieces of plates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import LiteRTDetector
from hkplates.recognition.detection.heatmap import find_peaks
from hkplates.recognition.detection.refiner import CLASSES, plate_size
from hkplates.recognition.geometry import quad_iou, share_inside
from models.detector.crops import View
from models.detector.dataset import UNCERTAIN, LabelledPlate
from models.detector.targets import MIN_PLATE_WIDTH

NO_PLATE = CLASSES.index("none")
MATCH_IOU = 0.3  # from which a proposal is the labelled plate
BACKGROUND_IOU = 0.08  # below which it is background; between them it is neither
# A quad of which so much lies on a plate, and that is less than this much of it, is a piece: one
# row of two, or a half. Another proposal, of the network at another scale, is the whole plate.
PIECE_INSIDE, PIECE_IOU = 0.8, 0.5
BOX_WEIGHT = 0.1  # of the corners of an upright box: they are a poor guess
MIN_PIECE_WIDTH = 40.0  # pixels of a plate, below which its pieces show nothing


@dataclass(frozen=True, slots=True)
class LabelledRegion:
    """A quad of a view, its class, and the plate's true corners, which count by `weight`.

    `score` is the detector's, 0 to 1, of what it proposed.
    """

    corners: np.ndarray
    label: int
    truth: np.ndarray
    weight: float
    score: float = 0.5


class ProposalLabeller:
    """Labels the detector's proposals in a view by the plates on it."""

    def __init__(self, bundle: Path, min_score: float, pieces: int) -> None:
        """Takes the detector of a bundle; `pieces` of the plates of a view are labelled as none."""
        self._detector = LiteRTDetector(open_bundle(bundle))
        self._min_score, self._pieces = min_score, pieces

    def regions(
        self, view: View, rng: np.random.Generator, scales: Sequence[float] = (1.0,)
    ) -> tuple[LabelledRegion, ...]:
        """Returns labelled proposals, every labelled plate itself, found or not, and pieces.

        The detector sees the view at each of `scales`.
        """
        found = [
            label_quad(corners, view.plates, score)
            for scale in scales
            for corners, score in self._peaks(view, scale)
        ]
        plates = [plate for plate in view.plates if plate.label != UNCERTAIN]
        given = [_region_of(plate.quad, plate, 0.5) for plate in plates]
        wide = [plate for plate in plates if plate_size(plate.quad)[0] >= MIN_PIECE_WIDTH]
        pieces = [
            label_quad(piece(rng, plate.quad), view.plates, 0.5)
            for plate in wide[:1]
            for _ in range(self._pieces)
        ]
        return tuple(region for region in [*found, *given, *pieces] if region is not None)

    def _peaks(self, view: View, scale: float) -> list[tuple[np.ndarray, float]]:
        pixels = view.pixels
        if scale != 1.0:
            pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        peaks = find_peaks(self._detector.forward(pixels), self._min_score)
        return [(peak.corners / scale, peak.score) for peak in peaks]


def label_quad(
    corners: np.ndarray, plates: Sequence[LabelledPlate], score: float
) -> LabelledRegion | None:
    """Labels a quad by its overlap with plates; None where the labels leave its class open."""
    ious = [quad_iou(corners.tolist(), plate.quad.tolist()) for plate in plates]
    best = int(np.argmax(ious)) if ious else -1
    if best < 0 or ious[best] < BACKGROUND_IOU:
        return LabelledRegion(corners, NO_PLATE, corners, 0.0, score)
    plate = plates[best]
    if plate.label == UNCERTAIN:
        return None
    if (
        ious[best] < PIECE_IOU
        and share_inside(corners.tolist(), plate.quad.tolist()) > PIECE_INSIDE
    ):
        return LabelledRegion(corners, NO_PLATE, corners, 0.0, score)
    return _region_of(corners, plate, score) if ious[best] >= MATCH_IOU else None


def piece(rng: np.random.Generator, quad: np.ndarray) -> np.ndarray:
    """Cuts a piece out of a plate: a part of its width, or about one row of one of two rows."""
    width, height = plate_size(quad)
    across, down = (0.0, 1.0), (0.0, 1.0)
    if width < 2.6 * height and rng.random() < 0.7:
        share = rng.uniform(0.42, 0.52)
        down = (0.0, share) if rng.random() < 0.5 else (1 - share, 1.0)
    else:
        share = rng.uniform(0.2, 0.55)
        start = (0.0, 1 - share, rng.uniform(0, 1 - share))[rng.integers(3)]
        across = (start, start + share)
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    onto = cv2.getPerspectiveTransform(unit, quad.astype(np.float32))
    cut = unit * (across[1] - across[0], down[1] - down[0]) + (across[0], down[0])
    return cv2.perspectiveTransform(cut[None].astype(np.float32), onto)[0].astype(np.float64)


def _region_of(corners: np.ndarray, plate: LabelledPlate, score: float) -> LabelledRegion | None:
    """Pairs a quad with the plate it shows; None where the plate is too small to learn from."""
    if plate_size(plate.quad)[0] < MIN_PLATE_WIDTH:
        return None
    weight = 1.0 if plate.exact else BOX_WEIGHT
    return LabelledRegion(
        corners.astype(float), plate.label, plate.quad.astype(float), weight, score
    )
