"""Draw the pictures of docs/recognition.md: detections, heat map and network inputs of a street.

    python -m models.doc_figures [FOLDER]

Nothing in them comes from a photograph. With other weights they come out otherwise.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.detection.detector import LiteRTDetector
from hkplates.recognition.detection.frames import best_input
from hkplates.recognition.detection.refiner import crop_patch
from hkplates.recognition.images.annotate import draw_plates
from hkplates.recognition.images.warp import letterbox
from hkplates.recognition.reading.neural import TTA_SHIFTS, NeuralReader, open_reader
from hkplates.recognition.reading.realign import realign
from hkplates.recognition.recogniser import Recogniser
from hkplates.recognition.types import Crop, DetectedPlate
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample

FOLDER = Path("docs/pictures")
BUNDLES = Path(__file__).parent
SCENE, SEED = 3, 1  # of the generator: two vehicles by day, a white plate and a yellow one
WIDTH = 800  # pixels of a picture
ROW_HEIGHT = 110  # pixels of one row in the picture of inputs
BACKGROUND = 255
COLOURS = 96  # of a picture: drawn streets need no more, and a quarter of the bytes


def draw_figures(folder: Path) -> None:
    """Writes found.png, heatmap.png and plate-inputs.png into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle = open_bundle(BUNDLES / "detector" / "bundle")
    detector = LiteRTDetector(bundle)
    reader = open_reader(BUNDLES / "reader" / "bundle")
    photo = sample(SCENE, SEED, FontLibrary(system=False)).pixels
    recogniser = Recogniser(detector, reader, score_fusion=bundle.score_fusion)
    found = recogniser.find(photo)
    _save(draw_plates(photo, recogniser.read(found)), folder / "found.png")
    _save(_heatmap(detector, photo), folder / "heatmap.png")
    rows = [_plate_inputs(reader, photo, plate) for plate in found]
    widest = max(row.shape[1] for row in rows)
    _save(np.vstack([_padded(row, widest) for row in rows]), folder / "plate-inputs.png")


def _save(picture: np.ndarray, path: Path) -> None:
    scale = min(1.0, WIDTH / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    Image.fromarray(small).quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size // 1024} kB")


def _heatmap(detector: LiteRTDetector, photo: np.ndarray) -> np.ndarray:
    """Draws the fitted photograph, dark, with the scores of its cells.

    Orange is a Hong Kong plate, blue another's. Scores are shown by their square root: peaks are
    points, and their surroundings would not be seen.
    """
    height, width = best_input(photo, [(480, 640), (640, 480)])
    fitted, *_ = letterbox(photo, width, height)
    scores = np.sqrt(detector.forward(fitted)[..., :2])
    cells = cv2.resize(scores, (width, height), interpolation=cv2.INTER_NEAREST)
    gray = fitted.mean(axis=2, keepdims=True) * 0.3
    colours = cells @ np.array([[255.0, 150.0, 0.0], [40.0, 130.0, 255.0]])
    return np.maximum(gray, colours).clip(0, 255).astype(np.uint8)


def _plate_inputs(reader: NeuralReader, photo: np.ndarray, plate: DetectedPlate) -> np.ndarray:
    """Draws a plate's refiner patch, its crop, its realigned crop, and inputs of the reader."""
    glimpse = crop_patch(photo, plate.detection.quad.to_array().astype(float))
    straight = realign(plate.crop)
    shown: list[np.ndarray] = [] if glimpse is None else [glimpse.pixels]
    shown += [plate.crop, plate.crop if straight is None else straight]
    shown += [_reader_input(reader, plate.crop, *move) for move in ((0.0, 0.0), *TTA_SHIFTS[:2])]
    return np.hstack([_with_border(picture) for picture in shown])


def _reader_input(reader: NeuralReader, crop: Crop, across: float, down: float) -> np.ndarray:
    return np.repeat(reader.preprocess(crop, across, down)[:, :, None], 3, axis=2)


def _with_border(picture: np.ndarray) -> np.ndarray:
    wide = round(picture.shape[1] * ROW_HEIGHT / picture.shape[0])
    fitted = cv2.resize(picture, (wide, ROW_HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(fitted, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=(BACKGROUND,) * 3)


def _padded(row: np.ndarray, width: int) -> np.ndarray:
    spare = width - row.shape[1]
    return cv2.copyMakeBorder(row, 0, 0, 0, spare, cv2.BORDER_CONSTANT, value=(BACKGROUND,) * 3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line and draws."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    draw_figures(cli.parse_args(arguments).folder)


if __name__ == "__main__":
    main()
