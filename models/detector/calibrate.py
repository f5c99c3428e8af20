"""Calibrates a detector's scores and chooses its threshold, on photographs held back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.calibration import ScoreCalibration, logit
from hkplates.recognition.detection.detector import LiteRTDetector, Proposal
from hkplates.recognition.images.warp import PADDING
from hkplates.recognition.types import Box, Detection, Quad
from models import logistic_regression
from models.detector.copy_paste import recolour_yellow
from models.detector.dataset import HONG_KONG, UNCERTAIN, LabelledPhoto
from models.detector.evaluate import bounds, box_iou, count_matches

SMALL_SCALE = 0.55  # the plates held back are then 30 to 60 pixels wide in the input
THRESHOLDS = np.arange(0.1, 0.91, 0.05).round(2)
MATCH_IOU = 0.3  # of boxes, from which a detection is of that plate
MIN_WEIGHT = 0.05  # so that a higher score is never less likely
RIDGE = 0.5  # detections are few, so that the line is held near the prior


def calibrate(bundle: Path, held: Sequence[LabelledPhoto]) -> tuple[ScoreCalibration, float]:
    """Fits the calibration and chooses the threshold of a bundle on photographs held back."""
    detector = LiteRTDetector(open_bundle(bundle), 0.0)
    every = [*held, *hard_copies(held)]
    proposals = [detector.propose(photo.pixels) for photo in every]
    certainty = fit_calibration(every, proposals)
    detections = [detector.select_detections(found, certainty, 0.0) for found in proposals]
    return certainty, choose_threshold(every, detections)


def hard_copies(held: Sequence[LabelledPhoto]) -> list[LabelledPhoto]:
    """Copies photographs with Hong Kong plates: with yellow plates, and at SMALL_SCALE.

    Few readable plates are held back, and hardly a yellow or a far one is among them: a threshold
    chosen on the others alone would leave those out.
    """
    rng = np.random.default_rng(5)
    copies = []
    for photo in held:
        if photo.shows_hong_kong_plate:
            copies += [_recoloured(rng, photo), _scaled_down(photo)]
    return copies


def _recoloured(rng: np.random.Generator, photo: LabelledPhoto) -> LabelledPhoto:
    """Recolours its white Hong Kong plates yellow."""
    pixels = photo.pixels.copy()
    for plate in photo.plates:
        if plate.label == HONG_KONG and plate.colour == "white":
            recolour_yellow(rng, pixels, plate.quad)
    return replace(photo, pixels=pixels)


def _scaled_down(photo: LabelledPhoto) -> LabelledPhoto:
    """Shrinks it, padded to its old size: the input would show it as large as before otherwise."""
    small = cv2.resize(
        photo.pixels, None, fx=SMALL_SCALE, fy=SMALL_SCALE, interpolation=cv2.INTER_AREA
    )
    pixels = np.full_like(photo.pixels, PADDING)
    pixels[: small.shape[0], : small.shape[1]] = small
    plates = tuple(
        replace(plate, quad=plate.quad * np.float32(SMALL_SCALE)) for plate in photo.plates
    )
    return replace(photo, pixels=pixels, plates=plates)


def choose_threshold(
    held: Sequence[LabelledPhoto], detections: Sequence[Sequence[Detection]]
) -> float:
    """Chooses the score with the fewest faults on photographs held back from training.

    A missed plate counts as much as two false positives: both are wrong rows, but a false one still
    has to be read as something. Of equals the middle one is taken.
    """
    faults = {}
    for threshold in THRESHOLDS.tolist():
        sure = [[d for d in found if d.score >= threshold] for found in detections]
        report = count_matches(held, sure, 0.0)
        wrong = len(report.false) + len(report.foreign)
        faults[threshold] = 2 * len(report.missed) + wrong
        print(f"{threshold:.2f}: {len(report.missed)} missed, {wrong} false or foreign", flush=True)
    best = [t for t, number in faults.items() if number == min(faults.values())]
    return best[len(best) // 2]


def fit_calibration(
    held: Sequence[LabelledPhoto], proposals: Sequence[Sequence[Proposal]]
) -> ScoreCalibration:
    """Fits P(Hong Kong plate) of proposals by logistic regression (Platt scaling)."""
    judged = [
        (proposal, is_hong_kong_plate(photo, Quad.from_array(proposal.corners).bounds()))
        for photo, found in zip(held, proposals, strict=True)
        for proposal in found
        if proposal.label == HONG_KONG or proposal.hong_kong_logit is not None
    ]
    known = [(proposal, is_right) for proposal, is_right in judged if is_right is not None]
    refined = any(proposal.hong_kong_logit is not None for proposal, _ in known)
    right = np.array([is_right for _, is_right in known], float)
    features = np.array(
        [[logit(s.heatmap_score), s.hong_kong_logit or 0.0, 1.0] for s, _ in known]
    ).reshape(-1, 3)
    prior = np.array([0.3, 0.7, 0.0] if refined else [1.0, 0.0, 0.0])
    line = logistic_regression.fit(features, right, prior=prior, ridge=RIDGE)
    print(f"{int(right.sum())} of {len(known)} proposals are Hong Kong plates")
    heatmap_weight, refiner_weight, bias = (round(float(value), 3) for value in line)
    least = MIN_WEIGHT if refined else 0.0
    return ScoreCalibration(max(heatmap_weight, MIN_WEIGHT), max(refiner_weight, least), bias)


def is_hong_kong_plate(photo: LabelledPhoto, box: Box) -> bool | None:
    """Returns whether a Hong Kong plate is in this box; None where the labels leave it open."""
    labels = {plate.label for plate in photo.plates if box_iou(box, bounds(plate)) >= MATCH_IOU}
    return None if UNCERTAIN in labels else HONG_KONG in labels
