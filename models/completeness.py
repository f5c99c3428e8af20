"""Fits what tells plates that the photograph's edge cuts (hkplates/recognition/completeness.py).

    python -m models.completeness --data DATA [--plates N] [--seed S]

Cuts labelled photographs through a plate from all four sides, crops them to it and ends them beside
it; detects and reads what is left; prints the weights that fit, and for each kind of picture how
many readings were sure and wrong, and how many plates are called incomplete by the weights as they
are. The weights are copied by hand.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.completeness import NEAR, Side, cut_features, measure_sides
from hkplates.recognition.geometry import MATCH_IOU, quad_iou
from hkplates.recognition.recogniser import Recogniser, open_recogniser
from hkplates.recognition.types import MAX_INCOMPLETE_CONFIDENCE, PlateReading, TextReading
from models import logistic_regression
from models.detector.dataset import HONG_KONG, LabelledPlate, data_folders, read_dataset

SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")
KEPT = {"left": (0.2, 0.97), "right": (0.2, 0.97), "top": (0.3, 0.9), "bottom": (0.3, 0.9)}
"""Shares of the plate that a cut leaves."""
MARGINS = (0.0, 0.02, 0.05)  # of the plate's width, around crops and beside edges
RIDGE = 0.02  # distances and proportions are small numbers with large weights
MIN_WIDTH = 40  # pixels of the plates that are cut
MIN_SIDE = 40  # pixels of a picture


@dataclass(frozen=True, slots=True)
class CutPicture:
    """A part of a photograph with one plate, of which the edge cuts `side` off, or none.

    `pixels` (height, width, 3) uint8 RGB; `quad` (4, 2) of the whole plate in its pixels.
    """

    kind: str
    side: Side | None
    pixels: np.ndarray
    quad: np.ndarray
    mark: str


def cut_pictures(
    pixels: np.ndarray, plate: LabelledPlate, rng: np.random.Generator
) -> Iterator[CutPicture]:
    """Yields the photograph cut through the plate, cropped to it, and ended beside it."""
    height, width = pixels.shape[:2]
    whole = np.array([0, 0, width, height], float)
    box = np.concatenate([plate.quad.min(axis=0), plate.quad.max(axis=0)]).astype(float)
    size = box[2:] - box[:2]
    for number, side in enumerate(SIDES):
        axis, is_start = number // 2, number % 2 == 0
        lost = (1 - rng.uniform(*KEPT[side])) * size[axis]
        edges = whole.copy()
        edges[axis if is_start else axis + 2] = (
            box[axis] + lost if is_start else box[axis + 2] - lost
        )
        yield from _picture(f"cut at the {side}", side, pixels, edges, plate)
        for margin in MARGINS:
            edges = whole.copy()
            outwards = -margin * size[0] if is_start else margin * size[0]
            edges[axis if is_start else axis + 2] = box[axis if is_start else axis + 2] + outwards
            yield from _picture(f"edge {margin:.0%} beside it", None, pixels, edges, plate)
    for margin in MARGINS:
        edges = box + margin * size[0] * np.array([-1, -1, 1, 1])
        yield from _picture(f"crop, margin {margin:.0%}", None, pixels, edges, plate)


def _picture(
    kind: str, side: Side | None, pixels: np.ndarray, edges: np.ndarray, plate: LabelledPlate
) -> Iterator[CutPicture]:
    high, wide = pixels.shape[:2]
    left, top, right, bottom = np.clip(np.round(edges), 0, [wide, high, wide, high]).astype(int)
    if min(right - left, bottom - top) >= MIN_SIDE:
        part = np.ascontiguousarray(pixels[top:bottom, left:right])
        mark = marks.canonical(plate.text or "")
        yield CutPicture(kind, side, part, plate.quad - [left, top], mark)


def find_plate(picture: CutPicture, recogniser: Recogniser) -> PlateReading | None:
    """Returns what is read where the plate is, called a Hong Kong plate; None where nothing is."""
    high, wide = picture.pixels.shape[:2]
    visible = np.clip(picture.quad, 0, [wide, high]).tolist()
    [found] = recogniser.recognise([picture.pixels])
    overlaps = [(quad_iou(one.quad.to_array().tolist(), visible), one) for one in found]
    share, best = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
    return best if best and best.mark and best.region == "HK" and share >= MATCH_IOU else None


def fit(examples: Sequence[tuple[CutPicture, PlateReading]], sides: Sequence[Side]) -> np.ndarray:
    """Fits the weights of `cut_features` for some sides, (5,).

    A cut that lost nothing of the mark counts as neither; nor do the other sides of a cut plate.
    """
    features, labels = [], []
    for picture, plate in examples:
        aspect, distances = measure_sides(plate.quad, picture.pixels.shape[1::-1])
        reading = TextReading(plate.text, 0.0, (), plate.rows)
        for side in sides:
            is_cut = picture.side == side and plate.mark != picture.mark
            if distances[side] < NEAR and (is_cut or picture.side is None):
                features.append(cut_features(side, distances[side], aspect, reading))
                labels.append(float(is_cut))
    return logistic_regression.fit(np.array(features), np.array(labels), ridge=RIDGE)


def print_table(examples: Sequence[tuple[CutPicture, PlateReading]]) -> None:
    """Prints a line for each kind of picture."""
    kinds = defaultdict(list)
    for picture, plate in examples:
        # A gap halves the confidence; this is what it was without.
        before = plate.confidence / (1 if plate.complete else MAX_INCOMPLETE_CONFIDENCE)
        wrong = before > MAX_INCOMPLETE_CONFIDENCE and plate.mark != picture.mark
        kinds[picture.kind].append((wrong, wrong and plate.complete, not plate.complete))
    print("kind, plates, sure and wrong before, after, called incomplete")
    for kind, rows in sorted(kinds.items()):
        print(kind, len(rows), *np.sum(rows, axis=0), sep=", ")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, makes the pictures, fits, and prints."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--plates", type=int, default=110)
    cli.add_argument("--seed", type=int, default=7)
    given = cli.parse_args(arguments)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(given.seed)
    plates = [
        (photo.pixels, plate)
        for photo in read_dataset(data_folders(given.data)[0])
        for plate in photo.plates
        if plate.label == HONG_KONG and plate.exact and plate.text
        if np.ptp(plate.quad[:, 0]) >= MIN_WIDTH
    ]
    recogniser = open_recogniser(Path(__file__).parent, "litert", None, "neural")
    examples = []
    for index in rng.permutation(len(plates))[: given.plates]:
        for picture in cut_pictures(*plates[index], rng):
            if (plate := find_plate(picture, recogniser)) is not None:
                examples.append((picture, plate))
    print_table(examples)
    for sides in (SIDES[:2], SIDES[2:]):
        print(*sides, *np.round(fit(examples, sides), 1))


if __name__ == "__main__":
    main()
