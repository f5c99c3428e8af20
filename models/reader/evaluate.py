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
from models.reader import augmentation as camera
from models.reader import photo_crops as real
from models.reader.network import BLANK, SYMBOLS
from models.reader.photo_crops import HeldOut, RealPlate

BUNDLE = Path(__file__).with_name("bundle")
OFF = 0.04
"""How far shaken corners are off, as a share of the plate's height: about what detectors do."""

Views = dict[str, list[tuple[np.ndarray, RealPlate]]]

GROUPS: dict[str, Callable[[RealPlate], bool]] = {
    "all": lambda plate: True,
    "varied": lambda plate: plate.varied,
    "bridge": lambda plate: not plate.varied,
    "one row": lambda plate: plate.label.rows == 1,
    "two rows": lambda plate: plate.label.rows == 2,
    "yellow": lambda plate: plate.colour == "yellow",
}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
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
    def right(self) -> bool:
        return self.mark == self.truth

    @property
    def errors(self) -> int:
        """Characters to insert, delete or change."""
        return _distance(self.mark, self.truth)


def views(plates: Sequence[RealPlate], times: int = 4, off: float = OFF) -> Views:
    """Inputs of the plates on their true corners, and `times` each on shaken ones."""
    rng = np.random.default_rng(5)
    true = [(camera.cut_out(p.pixels, p.corners), p) for p in plates]
    shaken = [
        (camera.cut_out(p.pixels, camera.jitter(rng, p.corners, off)), p)
        for p in plates
        for _ in range(times)
    ]
    return {"true": true, "shaken": shaken}


def held_out_views(data: Path, held: HeldOut) -> Views:
    """Views of the plates of train/ that training leaves out."""
    plates = [p for p in real.hong_kong(data / "train") if p.label in held]
    return views(plates)


def quick(model: keras.Model, held: Views) -> dict[str, float]:
    """Shares read exactly (I as 1, O as 0) by each head alone, without decoder."""
    shares = {}
    for name, pairs in held.items():
        if not pairs:
            continue
        truth = [marks.canonical(plate.label.text) for _, plate in pairs]
        for head, texts in greedy(model, [pixels for pixels, _ in pairs]).items():
            right = [marks.canonical(text) == true for text, true in zip(texts, truth, strict=True)]
            shares[f"{name} {head}"] = round(float(np.mean(right)), 3)
    return shares


def greedy(model: keras.Model, pictures: Sequence[np.ndarray]) -> dict[str, list[str]]:
    """The most probable text of each head for (HEIGHT, WIDTH) uint8 pictures."""
    pixels = np.stack(pictures)[..., None]
    slots, ctc = [], []
    for start in range(0, len(pixels), 64):
        out = model(pixels[start : start + 64], training=False)
        slots += [_text(row) for row in np.argmax(out["slots"], axis=-1)]
        ctc += [_text(_collapse(row)) for row in np.argmax(out["ctc"], axis=-1)]
    return {"slots": slots, "ctc": ctc}


def crops(plate: RealPlate, times: int, off: float, rng: np.random.Generator) -> list[Crop]:
    """The plate as the recogniser hands it on, on corners shaken `times` times."""
    photo = np.repeat(plate.pixels[:, :, None], 3, axis=2)
    shaken = (camera.jitter(rng, plate.corners, off) for _ in range(times))
    return [rectify(photo, Quad.from_array(corners)) for corners in shaken]


def pieces(
    plates: Sequence[RealPlate], times: int, off: float, seed: int
) -> list[tuple[Crop, str]]:
    """Each plate cut out `times` times along shaken corners, and its text."""
    rng = np.random.default_rng(seed)
    return [(crop, p.label.text) for p in plates for crop in crops(p, times, off, rng)]


def outcomes(
    reader: NeuralReader, plates: Sequence[RealPlate], times: int, off: float
) -> list[Outcome]:
    """What the reader makes of each plate on `times` shaken corners; 1 and 0 for the true ones."""
    rng = np.random.default_rng(5)
    pairs = [(plate, crop) for plate in plates for crop in crops(plate, times, off, rng)]
    readings = reader.read([crop for _, crop in pairs])
    return [Outcome(plate, reading) for (plate, _), reading in zip(pairs, readings, strict=True)]


def table(true: Sequence[Outcome], shaken: Sequence[Outcome]) -> str:
    """Shares read exactly and character errors, by group."""
    lines = [f"{'group':10} {'plates':>6} {'exact':>7} {'shaken':>7} {'characters wrong':>17}"]
    for name, member in GROUPS.items():
        mine, mine_shaken = ([o for o in part if member(o.plate)] for part in (true, shaken))
        if mine:
            wrong = sum(o.errors for o in mine) / sum(len(o.truth) for o in mine)
            lines.append(
                f"{name:10} {len(mine):6} {_share(mine):7.3f} {_share(mine_shaken):7.3f}"
                f" {wrong:17.3f}"
            )
    return "\n".join(lines)


def reliability(seen: Sequence[Outcome]) -> str:
    """How many of the readings of a confidence are right."""
    lines = [f"{'confidence':>12} {'readings':>8} {'mean':>6} {'right':>6}"]
    edges = [0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99, 1.0001]
    for low, high in pairwise(edges):
        mine = [o for o in seen if low <= o.reading.confidence < high]
        if mine:
            mean = float(np.mean([o.reading.confidence for o in mine]))
            lines.append(
                f"{low:5.2f} - {min(high, 1):4.2f} {len(mine):8} {mean:6.3f} {_share(mine):6.3f}"
            )
    return "\n".join(lines)


def misread(seen: Sequence[Outcome]) -> str:
    """What was not read exactly, a line each."""
    return "\n".join(
        f"{o.plate.file}: {o.truth} read {o.mark or 'nothing'} ({o.reading.confidence:.2f})"
        for o in seen
        if not o.right
    )


def _share(seen: Sequence[Outcome]) -> float:
    return float(np.mean([outcome.right for outcome in seen]))


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _collapse(steps: np.ndarray) -> np.ndarray:
    """A run of one symbol is one symbol."""
    changed = np.concatenate([[True], steps[1:] != steps[:-1]])
    return steps[changed]


def _text(symbols: np.ndarray) -> str:
    return "".join(SYMBOLS[i] for i in symbols if i != BLANK)


def main() -> None:
    """The command line."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--split", default="dev")
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    given = cli.parse_args()
    reader, plates = open_reader(given.bundle), real.hong_kong(given.data / given.split)
    true = outcomes(reader, plates, 1, 0.0)
    started = time.process_time()
    shaken = outcomes(reader, plates, 5, OFF)
    spent = (time.process_time() - started) / len(shaken) * 1000
    print(table(true, shaken), reliability(shaken), sep="\n\n")
    print(f"\n{spent:.1f} ms CPU per crop, cutting out included")
    print(misread(true))


if __name__ == "__main__":
    main()
