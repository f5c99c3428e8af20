"""What makes a bundle's answers probabilities, and the threshold: both from what was held back."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.calibration import Certainty, log_odds
from hkplates.recognition.detection.detector import LiteRTDetector, Sight
from hkplates.recognition.types import Box, Detection, Quad
from models import logistic_regression
from models.detector.augmentation import PADDING
from models.detector.copy_paste import recolour_yellow
from models.detector.dataset import HONG_KONG, UNCERTAIN, LabelledPhoto
from models.detector.evaluate import bounds, box_iou, count_matches

SMALL_SCALE = 0.55  # of the size: the plates held back are then 30 to 60 pixels wide in the input
THRESHOLDS = np.arange(0.1, 0.91, 0.05).round(2)
MATCH_IOU = 0.3  # intersection over union from which a report is of that plate
MIN_WEIGHT = 0.05  # what is warmer is never less likely
RIDGE = 0.5  # reports are few, so that the line is held near the one expected


def calibrate(bundle: Path, held: Sequence[LabelledPhoto]) -> tuple[Certainty, float]:
    """Fit the certainty and choose the threshold of a bundle on pictures held back."""
    detector = LiteRTDetector(open_bundle(bundle), 0.0)
    every = [*held, *hard_copies(held)]
    sights = [detector.sights(picture.pixels) for picture in every]
    certainty = fit_calibration(every, sights)
    answers = [detector.reports(seen, certainty, 0.0) for seen in sights]
    return certainty, choose_threshold(every, answers)


def hard_copies(held: Sequence[LabelledPhoto]) -> list[LabelledPhoto]:
    """The pictures with Hong Kong plates once more, with yellow plates, and at SMALL of their size.

    Few readable plates are held back, and hardly a yellow or a far one is among them: a threshold
    chosen on the others alone would leave those out.
    """
    rng = np.random.default_rng(5)
    copies = []
    for picture in held:
        if picture.shows_hong_kong_plate:
            copies += [_recoloured(rng, picture), _scaled_down(picture)]
    return copies


def _recoloured(rng: np.random.Generator, picture: LabelledPhoto) -> LabelledPhoto:
    pixels = picture.pixels.copy()
    for plate in picture.plates:
        if plate.label == HONG_KONG and plate.colour == "white":
            recolour_yellow(rng, pixels, plate.quad)
    return replace(picture, pixels=pixels)


def _scaled_down(picture: LabelledPhoto) -> LabelledPhoto:
    """Padded to its old size, or the detector would show it as large as before."""
    small = cv2.resize(
        picture.pixels, None, fx=SMALL_SCALE, fy=SMALL_SCALE, interpolation=cv2.INTER_AREA
    )
    pixels = np.full_like(picture.pixels, PADDING)
    pixels[: small.shape[0], : small.shape[1]] = small
    plates = tuple(
        replace(plate, quad=plate.quad * np.float32(SMALL_SCALE)) for plate in picture.plates
    )
    return replace(picture, pixels=pixels, plates=plates)


def choose_threshold(
    held: Sequence[LabelledPhoto], answers: Sequence[Sequence[Detection]]
) -> float:
    """The score with the fewest faults on photographs held back from training.

    A missed plate counts as much as two false reports: both are wrong rows, but a false one still
    has to be read as something. Of equals the middle one is taken.
    """
    faults = {}
    for threshold in THRESHOLDS.tolist():
        sure = [[d for d in found if d.score >= threshold] for found in answers]
        report = count_matches(held, sure, 0.0)
        wrong = len(report.false) + len(report.foreign)
        faults[threshold] = 2 * len(report.missed) + wrong
        print(f"{threshold:.2f}: {len(report.missed)} missed, {wrong} false or foreign", flush=True)
    best = [t for t, number in faults.items() if number == min(faults.values())]
    return best[len(best) // 2]


def fit_calibration(held: Sequence[LabelledPhoto], sights: Sequence[Sequence[Sight]]) -> Certainty:
    """How likely what looks like a Hong Kong plate is one: a logistic regression."""
    judged = [
        (sight, is_hong_kong_plate(picture, Quad.from_array(sight.corners).bounds()))
        for picture, seen in zip(held, sights, strict=True)
        for sight in seen
        if sight.label == HONG_KONG
    ]
    claims = [(sight, ours) for sight, ours in judged if ours is not None]
    refined = any(sight.lead is not None for sight, _ in claims)
    right = np.array([ours for _, ours in claims], float)
    seen = np.array([[log_odds(s.warmth), s.lead or 0.0, 1.0] for s, _ in claims]).reshape(-1, 3)
    expected = np.array([0.3, 0.7, 0.0] if refined else [1.0, 0.0, 0.0])
    line = logistic_regression.fit(seen, right, prior=expected, ridge=RIDGE)
    print(f"{int(right.sum())} of {len(claims)} that look like Hong Kong plates are")
    warmth, lead, shift = (round(float(value), 3) for value in line)
    return Certainty(max(warmth, MIN_WEIGHT), max(lead, MIN_WEIGHT if refined else 0.0), shift)


def is_hong_kong_plate(picture: LabelledPhoto, box: Box) -> bool | None:
    """Whether a Hong Kong plate is at this place; None where the labels leave it open."""
    labels = {plate.label for plate in picture.plates if box_iou(box, bounds(plate)) >= MATCH_IOU}
    return None if UNCERTAIN in labels else HONG_KONG in labels
