"""Evaluate a detector on labelled photographs.

    python -m models.detector.evaluate FOLDER [--bundle FOLDER] [--runtime litert|tensorflow]
        [--threshold T] [--json] [--misses]

Found: a readable Hong Kong plate with a detection of region HK at IoU >= 0.5 of upright boxes.
False: a detection of region HK where no Hong Kong plate is, on photographs from Hong Kong, or on
nothing at all elsewhere. Foreign: another place's plate detected as Hong Kong's, per photograph
from elsewhere.
Corner error: the mean distance of the four corners, in heights of the plate, over those found.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hkplates.recognition.detection.detector import open_detector
from hkplates.recognition.types import Box, Detection, Photo, Quad
from models.detector.dataset import HONG_KONG, LabelledPhoto, LabelledPlate, read_dataset
from models.detector.targets import plate_size

Detect = Callable[[Photo], list[Detection]]
BUNDLE = Path(__file__).parent / "bundle"
FOUND_IOU = 0.5  # of boxes, from which a detection is of that plate
TOUCHING_IOU = 0.1  # from which a detection is not on nothing


@dataclass(slots=True)
class Tally:
    """Counts of one group of plates, and the corner errors of those found."""

    asked: int = 0
    found: int = 0
    errors: list[float] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """Returns its figures by name."""
        errors = self.errors or [float("nan")]
        return {
            "asked": self.asked,
            "found": self.found,
            "corner_mean": round(float(np.mean(errors)), 4),
            "corner_median": round(float(np.median(errors)), 4),
        }


@dataclass(slots=True)
class Report:
    """The results of a detector on a data set."""

    groups: dict[str, Tally]
    photos: int
    foreign_photos: int
    false: list[tuple[str, Detection]]
    foreign: list[tuple[str, Detection]]
    missed: list[tuple[str, str | None]]
    milliseconds: float

    def figures(self) -> dict[str, Any]:
        """Returns its figures as plain values, for JSON."""
        return {
            "groups": {name: tally.row() for name, tally in self.groups.items()},
            "photos": self.photos,
            "false_per_photo": round(len(self.false) / max(self.photos, 1), 4),
            "foreign_per_photo": round(len(self.foreign) / max(self.foreign_photos, 1), 4),
            "cpu_ms_per_photo": round(self.milliseconds, 1),
        }


def evaluate(photos: Sequence[LabelledPhoto], detect: Detect) -> Report:
    """Runs `detect` over the photographs and counts matches."""
    started = time.process_time()
    detections = [detect(photo.pixels) for photo in photos]
    spent = (time.process_time() - started) * 1000 / max(len(photos), 1)
    return count_matches(photos, detections, spent)


def count_matches(
    photos: Sequence[LabelledPhoto], detections: Sequence[Sequence[Detection]], milliseconds: float
) -> Report:
    """Counts found, missed and false ones of the detections, a list for each photograph."""
    foreign = sum(photo.country != "HK" for photo in photos)
    report = Report(defaultdict(Tally), len(photos), foreign, [], [], [], milliseconds)
    for photo, found in zip(photos, detections, strict=True):
        hong_kong = [d for d in found if d.region == "HK"]
        _count_found(report, photo, hong_kong)
        _count_false(report, photo, hong_kong)
    return report


def box_iou(a: Box, b: Box) -> float:
    """Returns the intersection over union of upright boxes."""
    wide = max(0.0, min(a.right, b.right) - max(a.left, b.left))
    high = max(0.0, min(a.bottom, b.bottom) - max(a.top, b.top))
    both = wide * high
    union = a.width * a.height + b.width * b.height - both
    return both / union if union > 0 else 0.0


def bounds(plate: LabelledPlate) -> Box:
    """Returns the upright box of a labelled plate."""
    return Quad.from_array(plate.quad).bounds()


def _groups(photo: LabelledPhoto, plate: LabelledPlate) -> Iterable[str]:
    yield "all"
    yield "bridge" if photo.file.startswith("hkb_") else "varied"
    yield "two rows" if plate.rows == 2 else "one row"
    yield plate.colour


def _count_found(report: Report, photo: LabelledPhoto, detections: Sequence[Detection]) -> None:
    for plate in photo.plates:
        if plate.label != HONG_KONG or not plate.text:
            continue
        near = [d for d in detections if box_iou(d.quad.bounds(), bounds(plate)) >= FOUND_IOU]
        error = _corner_error(near[0], plate) if near else None
        if error is None:
            report.missed.append((photo.file, plate.text))
        for name in _groups(photo, plate):
            tally = report.groups[name]
            tally.asked += 1
            tally.found += error is not None
            if error is not None and plate.exact:
                tally.errors.append(error)


def _corner_error(detection: Detection, plate: LabelledPlate) -> float:
    """Returns the mean distance of the four corners, in heights of the plate."""
    distances = np.linalg.norm(detection.quad.to_array() - plate.quad, axis=1)
    return float(distances.mean() / plate_size(plate.quad)[1])


def _count_false(report: Report, photo: LabelledPhoto, detections: Sequence[Detection]) -> None:
    hong_kong = [bounds(plate) for plate in photo.plates if plate.label == HONG_KONG]
    every = [bounds(plate) for plate in photo.plates]
    for detection in detections:
        box = detection.quad.bounds()
        if any(box_iou(box, other) >= TOUCHING_IOU for other in hong_kong):
            continue
        on_any = any(box_iou(box, other) >= TOUCHING_IOU for other in every)
        if photo.country == "HK" or not on_any:
            report.false.append((photo.file, detection))
        else:
            report.foreign.append((photo.file, detection))


def print_report(report: Report, *, misses: bool = False) -> None:
    """Prints a table, and with `misses` what was missed and falsely detected, by file."""
    print(f"{'':10}{'asked':>6}{'found':>7}{'corners: mean':>15}{'median':>8}")
    for name in sorted(report.groups):
        row = report.groups[name].row()
        print(
            f"{name:10}{row['asked']:6}{row['found']:7}{row['corner_mean']:15.3f}"
            f"{row['corner_median']:8.3f}"
        )
    figures = report.figures()
    for name in ("photos", "false_per_photo", "foreign_per_photo", "cpu_ms_per_photo"):
        print(f"{name:20}{figures[name]}")
    if misses:
        print("missed:", *(f"{file} ({text})" for file, text in report.missed), sep="\n  ")
        print("false:", *_lines(report.false), sep="\n  ")
        print("foreign:", *_lines(report.foreign), sep="\n  ")


def _lines(detections: Iterable[tuple[str, Detection]]) -> list[str]:
    return [f"{file} {d.score:.2f} at {d.quad.bounds()}" for file, d in detections]


def main() -> None:
    """Parses the command line, evaluates and prints."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("folder", type=Path)
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    cli.add_argument("--runtime", default="litert")
    cli.add_argument("--threshold", type=float)
    cli.add_argument("--json", action="store_true")
    cli.add_argument("--misses", action="store_true", help="also list what was missed, by file")
    options = cli.parse_args()
    detector = open_detector(options.bundle, options.runtime, options.threshold)
    report = evaluate(read_dataset(options.folder), detector.detect)
    if options.json:
        print(json.dumps(report.figures()))
    else:
        print_report(report, misses=options.misses)


if __name__ == "__main__":
    main()
