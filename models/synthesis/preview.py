"""Draw a contact sheet of what the generator draws, to look at before a training learns from it.

    python -m models.synthesis.preview [FILE] [--seed S] [--fonts FOLDER]

From above: Hong Kong plates of every series, the same as a camera sees them, the same with what
light, weather and cameras do to them (a column for each fault), other places' plates, boards, the
lettering of streets, street scenes. The same seed and typefaces draw the same sheet.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from models.synthesis import street_faults
from models.synthesis.camera_noise import compress, degrade
from models.synthesis.cars import PAINTS
from models.synthesis.distractors import FOREIGN_PLATES, draw_foreign_plate, draw_sign
from models.synthesis.fonts import FontLibrary
from models.synthesis.layers import shade
from models.synthesis.perspective import paste_plate, perspective_quad
from models.synthesis.plates import Plate, draw_plate
from models.synthesis.samples import sample
from models.synthesis.signs import STREET_SIGNS

FILE = Path(".train/synthesis.png")
WIDTH, GAP = 1440, 8  # pixels
SHEET_LEVEL = 235  # level of the sheet

Draw = Callable[[np.random.Generator, FontLibrary, int], np.ndarray]
"""Draws a picture (height, width, 3) uint8 RGB; the number counts those of its kind from 0."""


def draw_sheet(seed: int, fonts: FontLibrary) -> np.ndarray:
    """Draws the sheet, (height, WIDTH, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    bands: list[tuple[Draw, int, int, int]] = [
        (_flat, 24, 8, 92),
        (_in_perspective, 24, 8, 120),
        (_on_the_street, 32, 8, 120),
        (_foreign, 16, 8, 92),
        (_board, 8, 8, 60),
        (_street_sign, 24, 8, 76),
        (lambda _, fonts, number: sample(number, seed, fonts).pixels, 4, 4, 264),
    ]
    rows = [_band(rng, fonts, *band) for band in bands]
    return np.vstack([*rows, np.full((GAP, WIDTH, 3), SHEET_LEVEL, np.uint8)])


def _band(
    rng: np.random.Generator, fonts: FontLibrary, draw: Draw, count: int, across: int, height: int
) -> np.ndarray:
    """Draws `count` pictures, `across` of them in a row, each fitted into `height` pixels."""
    width = (WIDTH - GAP) // across - GAP
    rows = count // across
    sheet = np.full((rows * (height + GAP) + GAP, WIDTH, 3), SHEET_LEVEL, np.uint8)
    for number in range(count):
        picture = _fitted(draw(rng, fonts, number), width, height)
        row, column = divmod(number, across)
        top = GAP + row * (height + GAP) + (height - picture.shape[0]) // 2
        left = GAP + column * (width + GAP) + (width - picture.shape[1]) // 2
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return sheet


def _fitted(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(round(picture.shape[1] * scale), 1), max(round(picture.shape[0] * scale), 1))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=interpolation)


def _plate(rng: np.random.Generator, fonts: FontLibrary, number: int) -> Plate:
    colour = "yellow" if number % 3 == 2 else "white"
    if number % 12 == 11:
        return draw_plate(rng, fonts, rows=1, colour=colour, square=True)
    return draw_plate(rng, fonts, rows=1 + number % 2, colour=colour)


def _flat(rng: np.random.Generator, fonts: FontLibrary, number: int) -> np.ndarray:
    return _plate(rng, fonts, number).pixels


def _in_perspective(rng: np.random.Generator, fonts: FontLibrary, number: int) -> np.ndarray:
    """Draws a plate in perspective on a piece of car, with camera noise."""
    return degrade(_on_car(rng, fonts, number)[0], rng)


def _on_the_street(rng: np.random.Generator, fonts: FontLibrary, number: int) -> np.ndarray:
    """Draws a plate on a piece of car, with the fault that the number asks for."""
    picture, quad = _on_car(rng, fonts, number + number // len(FAULTS))
    return FAULTS[number % len(FAULTS)](picture, rng, quad)


def _on_car(
    rng: np.random.Generator, fonts: FontLibrary, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws a plate in perspective on a piece of car; returns the picture and its corners."""
    plate = _plate(rng, fonts, number)
    paint = np.array(PAINTS[rng.integers(len(PAINTS))], float)
    picture = np.empty((120, 164, 3), np.uint8)
    picture[:] = shade(picture.shape, np.array([0, 119]), paint * 1.0, paint * 0.6)
    recess = round(rng.uniform(8, 20)), round(rng.uniform(96, 112))
    picture[recess[0] : recess[1], 6:158] = paint * 0.45
    picture[recess[1] : recess[1] + 2] = np.minimum(paint * 1.2 + 20, 255)
    height, width = plate.pixels.shape[:2]
    wide = min(140.0, 100.0 * width / height)
    quad = perspective_quad(rng, (82.0, 60.0), (wide, wide * height / width))
    paste_plate(picture, plate, quad, rng.uniform(0.7, 1.05))
    return picture, quad


def _far(picture: np.ndarray, rng: np.random.Generator, quad: np.ndarray) -> np.ndarray:
    """Shrinks the picture until its plate is 24 to 40 pixels across, as JPEG, and enlarges it."""
    scale = rng.uniform(24, 40) / float(np.ptp(quad[:, 0]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    size = picture.shape[1::-1]
    return cv2.resize(compress(small, 92), size, interpolation=cv2.INTER_LINEAR)


FAULTS: Sequence[Callable[[np.ndarray, np.random.Generator, np.ndarray], np.ndarray]] = (
    _far,
    street_faults.glare,
    street_faults.headlights,
    street_faults.infrared,
    lambda picture, rng, _: street_faults.rain(picture, rng),
    lambda picture, rng, _: street_faults.splashes(picture, rng),
    lambda picture, rng, _: street_faults.shadow(picture, rng),
    lambda picture, rng, _: compress(street_faults.interlace(picture, rng), 15),
)
"""What light, weather and cameras do: a column of the sheet for each."""


def _foreign(rng: np.random.Generator, fonts: FontLibrary, number: int) -> np.ndarray:
    kinds = tuple(FOREIGN_PLATES)
    return draw_foreign_plate(rng, fonts, kinds[number % len(kinds)]).pixels


def _board(rng: np.random.Generator, fonts: FontLibrary, number: int) -> np.ndarray:
    return draw_sign(rng, fonts, yellow=number % 4 == 3)


def _street_sign(rng: np.random.Generator, fonts: FontLibrary, number: int) -> np.ndarray:
    kinds = tuple(STREET_SIGNS)
    return STREET_SIGNS[kinds[number % len(kinds)]](rng, fonts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line and writes the sheet."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("file", type=Path, nargs="?", default=FILE)
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--fonts", type=Path, action="append", default=[], help="folder of typefaces")
    options = cli.parse_args(arguments)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    sheet = draw_sheet(options.seed, FontLibrary(options.fonts))
    if not cv2.imwrite(str(options.file), sheet[..., ::-1]):
        raise SystemExit(f"{options.file} cannot be written; name a .png file.")
    print(f"What training sees, with seed {options.seed}: {options.file}")


if __name__ == "__main__":
    main()
