"""Measure the reader on the plates of labelled photographs, on true and on shaken corners.

    python -m models.reader.evaluate --data DATA [--split dev] [--bundle FOLDER]

`make accuracy` measures the whole, detector included.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np

from hkplates.recognition import marks
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.reading.neural import NeuralReader, open_reader
from hkplates.recognition.types import Crop, Quad, TextReading
from models.reader import augmentation, photo_crops
from models.reader.network import BLANK, SYMBOLS
from models.reader.photo_crops import HeldOut, RealPlate

BUNDLE = Path(__file__).with_name("bundle")
CORNER_JITTER = 0.04
"""How far shaken corners are off, as a share of the plate's height: about what detectors do."""

InputSets = dict[str, list[tuple[np.ndarray, RealPlate]]]

GROUPS: dict[str, Callable[[RealPlate], bool]] = {
    "all": lambda plate: True,
    "varied": lambda plate: plate.varied,
    "bridge": lambda plate: not plate.varied,
    "one row": lambda plate: plate.label.rows == 1,
    "two rows": lambda plate: plate.label.rows == 2,
    "yellow": lambda plate: plate.colour == "yellow",
}


@dataclass(frozen=True, slots=True, eq=False)
class PlateReading:
    """What was read on one view of a plate."""

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
        """Characters to insert, delete or change."""
        return _distance(self.mark, self.truth)


def input_sets(
    plates: Sequence[RealPlate], times: int = 4, jitter: float = CORNER_JITTER
) -> InputSets:
    """Inputs of the plates on their true corners, and `times` each on shaken ones."""
    rng = np.random.default_rng(5)
    true = [(augmentation.crop_input(p.pixels, p.corners), p) for p in plates]
    shaken = [
        (augmentation.crop_input(p.pixels, augmentation.jitter_corners(rng, p.corners, jitter)), p)
        for p in plates
        for _ in range(times)
    ]
    return {"true": true, "shaken": shaken}


def held_out_inputs(data: Path, held: HeldOut) -> InputSets:
    """Views of the plates of train/ that training leaves out."""
    plates = [p for p in photo_crops.hong_kong_plates(data / "train") if p.label in held]
    return input_sets(plates)


def head_accuracy(model: keras.Model, held: InputSets) -> dict[str, float]:
    """Shares read exactly (I as 1, O as 0) by each head alone, without decoder."""
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
    """The most probable text of each head for (HEIGHT, WIDTH) uint8 pictures."""
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
    """The plate as the recogniser hands it on, on corners shaken `times` times."""
    photo = np.repeat(plate.pixels[:, :, None], 3, axis=2)
    shaken = (augmentation.jitter_corners(rng, plate.corners, jitter) for _ in range(times))
    return [rectify(photo, Quad.from_array(corners)) for corners in shaken]


def labelled_crops(
    plates: Sequence[RealPlate], times: int, jitter: float, seed: int
) -> list[tuple[Crop, str]]:
    """Each plate cut out `times` times along shaken corners, and its text."""
    rng = np.random.default_rng(seed)
    return [(crop, p.label.text) for p in plates for crop in jittered_crops(p, times, jitter, rng)]


def read_plates(
    reader: NeuralReader, plates: Sequence[RealPlate], times: int, jitter: float
) -> list[PlateReading]:
    """What the reader makes of each plate on `times` shaken corners; 1 and 0 for the true ones."""
    rng = np.random.default_rng(5)
    pairs = [
        (plate, crop) for plate in plates for crop in jittered_crops(plate, times, jitter, rng)
    ]
    readings = reader.read([crop for _, crop in pairs])
    return [
        PlateReading(plate, reading) for (plate, _), reading in zip(pairs, readings, strict=True)
    ]


def accuracy_table(true: Sequence[PlateReading], shaken: Sequence[PlateReading]) -> str:
    """Shares read exactly and character errors, by group."""
    lines = [f"{'group':10} {'plates':>6} {'exact':>7} {'shaken':>7} {'characters wrong':>17}"]
    for name, member in GROUPS.items():
        mine, mine_shaken = ([o for o in part if member(o.plate)] for part in (true, shaken))
        if mine:
            wrong = sum(o.edit_distance for o in mine) / sum(len(o.truth) for o in mine)
            exact, exact_shaken = _exact_share(mine), _exact_share(mine_shaken)
            lines.append(f"{name:10} {len(mine):6} {exact:7.3f} {exact_shaken:7.3f} {wrong:17.3f}")
    return "\n".join(lines)


def reliability_table(seen: Sequence[PlateReading]) -> str:
    """How many of the readings of a confidence are right."""
    lines = [f"{'confidence':>12} {'readings':>8} {'mean':>6} {'right':>6}"]
    edges = [0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99, 1.0001]
    for low, high in pairwise(edges):
        mine = [o for o in seen if low <= o.reading.confidence < high]
        if mine:
            mean, right = np.mean([o.reading.confidence for o in mine]), _exact_share(mine)
            lines.append(f"{low:5.2f} - {min(high, 1):4.2f} {len(mine):8} {mean:6.3f} {right:6.3f}")
    return "\n".join(lines)


def list_misread(seen: Sequence[PlateReading]) -> str:
    """What was not read exactly, a line each."""
    return "\n".join(
        f"{o.plate.file}: {o.truth} read {o.mark or 'nothing'} ({o.reading.confidence:.2f})"
        for o in seen
        if not o.is_exact
    )


def _exact_share(seen: Sequence[PlateReading]) -> float:
    return float(np.mean([outcome.is_exact for outcome in seen]))


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _collapse_runs(steps: np.ndarray) -> np.ndarray:
    """A run of one symbol is one symbol."""
    changed = np.concatenate([[True], steps[1:] != steps[:-1]])
    return steps[changed]


def _symbols_to_text(symbols: np.ndarray) -> str:
    return "".join(SYMBOLS[i] for i in symbols if i != BLANK)


def main() -> None:
    """The command line."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--split", default="dev")
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    given = cli.parse_args()
    reader, plates = (
        open_reader(given.bundle),
        photo_crops.hong_kong_plates(given.data / given.split),
    )
    true = read_plates(reader, plates, 1, 0.0)
    started = time.process_time()
    shaken = read_plates(reader, plates, 5, CORNER_JITTER)
    spent = (time.process_time() - started) / len(shaken) * 1000
    print(accuracy_table(true, shaken), reliability_table(shaken), sep="\n\n")
    print(f"\n{spent:.1f} ms CPU per crop, cutting out included")
    print(list_misread(true))


if __name__ == "__main__":
    main()
