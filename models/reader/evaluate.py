"""Measures the reader on the plates of labelled photographs, on true and on jittered corners.

    python -m models.reader.evaluate --data DATA [--split dev] [--bundle FOLDER]

`make accuracy` measures the whole, detector included.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
from rapidfuzz.distance import Levenshtein

from hkplates.recognition import marks
from hkplates.recognition.reading.neural import open_reader
from hkplates.recognition.types import Crop, Reader, TextReading
from models.reader import augmentation, photo_crops
from models.reader.network import BLANK, SYMBOLS
from models.reader.photo_crops import HeldOut, RealPlate

BUNDLE = Path(__file__).with_name("bundle")
CORNER_JITTER = 0.04
"""Standard deviation of jittered corners, as a share of the plate's height: about a detector's."""

SMALL_WIDTHS = (60, 40, 30, 24)
"""Widths in pixels to which plates are shrunk, to measure how small ones are read."""

InputSets = dict[str, list[tuple[np.ndarray, RealPlate]]]
"""Network inputs (HEIGHT, WIDTH) uint8 with their plates, by the kind of corners."""

GROUPS: dict[str, Callable[[RealPlate], bool]] = {
    "all": lambda plate: True,
    "varied": lambda plate: plate.varied,
    "bridge": lambda plate: not plate.varied,
    "one row": lambda plate: plate.label.rows == 1,
    "two rows": lambda plate: plate.label.rows == 2,
    "yellow": lambda plate: plate.colour == "yellow",
}


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedReading:
    """A reading of one crop of a plate whose mark is known."""

    plate: RealPlate
    reading: TextReading

    @property
    def truth(self) -> str:
        return marks.canonical(self.plate.label.text)

    @property
    def mark(self) -> str:
        return marks.canonical(self.reading.text)

    @property
    def is_exact(self) -> bool:
        return self.mark == self.truth

    @property
    def edit_distance(self) -> int:
        """Returns the characters to insert, delete or replace."""
        return Levenshtein.distance(self.mark, self.truth)


def input_sets(
    plates: Sequence[RealPlate], times: int = 4, jitter: float = CORNER_JITTER
) -> InputSets:
    """Crops inputs of the plates on their true corners, and `times` each on jittered ones."""
    rng = np.random.default_rng(5)
    true = [(augmentation.crop_input(p.pixels, p.corners), p) for p in plates]
    # In log.jsonl and in the curves the inputs on jittered corners are called "shaken".
    shaken = [
        (_jittered_input(rng, plate, jitter), plate) for plate in plates for _ in range(times)
    ]
    small = {
        f"{wide} px": [
            (_jittered_input(rng, far_away(plate, wide), jitter), plate)
            for plate in plates
            for _ in range(2)
        ]
        for wide in SMALL_WIDTHS
    }
    return {"true": true, "shaken": shaken, **small}


def far_away(plate: RealPlate, wide: float) -> RealPlate:
    """Shrinks a plate's photograph so that it is `wide` pixels across, and saves it as JPEG.

    A plate that is no wider stays as it is.
    """
    scale = wide / float(np.ptp(plate.corners[:, 0]))
    if scale >= 1:
        return plate
    pixels, corners = augmentation.shrink(plate.pixels, plate.corners, scale, scale)
    return replace(plate, pixels=augmentation.compress(pixels, 92), corners=corners)


def _jittered_input(rng: np.random.Generator, plate: RealPlate, jitter: float) -> np.ndarray:
    corners = augmentation.jitter_corners(rng, plate.corners, jitter)
    return augmentation.crop_input(plate.pixels, corners)


def held_out_inputs(data: Path, held: HeldOut) -> InputSets:
    """Crops the inputs of those plates of train/ that are held out."""
    plates = [p for p in photo_crops.hong_kong_plates(data / "train") if p.label in held]
    return input_sets(plates)


def head_accuracy(model: keras.Model, held: InputSets) -> dict[str, float]:
    """Returns the shares read exactly (I as 1, O as 0) by each head alone, without decoder."""
    shares = {}
    for name, pairs in held.items():
        if not pairs:
            continue
        truth = [marks.canonical(plate.label.text) for _, plate in pairs]
        for head, texts in greedy_decode(model, [pixels for pixels, _ in pairs]).items():
            right = [marks.canonical(text) == true for text, true in zip(texts, truth, strict=True)]
            shares[f"{name} {head}"] = round(float(np.mean(right)), 3)
    return shares


def greedy_decode(model: keras.Model, pictures: Sequence[np.ndarray]) -> dict[str, list[str]]:
    """Returns each head's most probable text for (HEIGHT, WIDTH) uint8 pictures."""
    pixels = np.stack(pictures)[..., None]
    slots, ctc = [], []
    for start in range(0, len(pixels), 64):
        out = model(pixels[start : start + 64], training=False)
        slots += [_symbols_to_text(row) for row in np.argmax(out["slots"], axis=-1)]
        ctc += [_symbols_to_text(_collapse_runs(row)) for row in np.argmax(out["ctc"], axis=-1)]
    return {"slots": slots, "ctc": ctc}


def jittered_crops(
    plate: RealPlate, times: int, jitter: float, rng: np.random.Generator
) -> list[Crop]:
    """Rectifies the plate as the recogniser does, on corners jittered `times` times."""
    jittered = (augmentation.jitter_corners(rng, plate.corners, jitter) for _ in range(times))
    return [augmentation.rectify_gray(plate.pixels, corners) for corners in jittered]


def labelled_crops(
    plates: Sequence[RealPlate], times: int, jitter: float, seed: int
) -> list[tuple[Crop, str]]:
    """Rectifies each plate on corners jittered `times` times; returns crops with their texts."""
    rng = np.random.default_rng(seed)
    return [(crop, p.label.text) for p in plates for crop in jittered_crops(p, times, jitter, rng)]


def read_plates(
    reader: Reader, plates: Sequence[RealPlate], times: int, jitter: float
) -> list[EvaluatedReading]:
    """Reads each plate on corners jittered `times` times; 1 and a jitter of 0 for the true ones."""
    rng = np.random.default_rng(5)
    pairs = [
        (plate, crop) for plate in plates for crop in jittered_crops(plate, times, jitter, rng)
    ]
    readings = reader.read([crop for _, crop in pairs])
    return [
        EvaluatedReading(plate, reading)
        for (plate, _), reading in zip(pairs, readings, strict=True)
    ]


def accuracy_table(true: Sequence[EvaluatedReading], shaken: Sequence[EvaluatedReading]) -> str:
    """Formats the shares read exactly, and the character errors on true corners, by group."""
    lines = [f"{'group':10} {'plates':>6} {'exact':>7} {'shaken':>7} {'characters wrong':>17}"]
    for name, member in GROUPS.items():
        of_true, of_shaken = ([r for r in part if member(r.plate)] for part in (true, shaken))
        if of_true:
            wrong = sum(r.edit_distance for r in of_true) / sum(len(r.truth) for r in of_true)
            exact, exact_shaken = _exact_share(of_true), _exact_share(of_shaken)
            lines.append(
                f"{name:10} {len(of_true):6} {exact:7.3f} {exact_shaken:7.3f} {wrong:17.3f}"
            )
    return "\n".join(lines)


def reliability_table(readings: Sequence[EvaluatedReading]) -> str:
    """Formats mean confidence and accuracy by range of confidence (a reliability diagram)."""
    lines = [f"{'confidence':>12} {'readings':>8} {'mean':>6} {'right':>6}"]
    edges = [0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99, 1.0001]
    for low, high in pairwise(edges):
        some = [r for r in readings if low <= r.reading.confidence < high]
        if some:
            mean, right = np.mean([r.reading.confidence for r in some]), _exact_share(some)
            lines.append(f"{low:5.2f} - {min(high, 1):4.2f} {len(some):8} {mean:6.3f} {right:6.3f}")
    return "\n".join(lines)


def list_misread(readings: Sequence[EvaluatedReading]) -> str:
    """Lists the readings that are not exact, a line each."""
    return "\n".join(
        f"{r.plate.file}: {r.truth} read {r.mark or 'nothing'} ({r.reading.confidence:.2f})"
        for r in readings
        if not r.is_exact
    )


def _exact_share(readings: Sequence[EvaluatedReading]) -> float:
    return float(np.mean([reading.is_exact for reading in readings]))


def _collapse_runs(frames: np.ndarray) -> np.ndarray:
    """Reduces each run of one symbol to that symbol, as CTC does before blanks are left out."""
    changed = np.concatenate([[True], frames[1:] != frames[:-1]])
    return frames[changed]


def _symbols_to_text(symbols: np.ndarray) -> str:
    return "".join(SYMBOLS[i] for i in symbols if i != BLANK)


def main() -> None:
    """Parses the command line and prints the tables."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--split", default="dev")
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    given = cli.parse_args()
    reader = open_reader(given.bundle)
    plates = photo_crops.hong_kong_plates(given.data / given.split)
    true = read_plates(reader, plates, 1, 0.0)
    started = time.process_time()
    shaken = read_plates(reader, plates, 5, CORNER_JITTER)
    spent = (time.process_time() - started) / len(shaken) * 1000
    print(accuracy_table(true, shaken), reliability_table(shaken), sep="\n\n")
    print(f"\n{spent:.1f} ms CPU per crop, cutting out included")
    print(list_misread(true))


if __name__ == "__main__":
    main()
