"""Measures the reader on the plates of labelled photographs, on true and on jittered corners.

    python -m models.tesseract.evaluate --data DATA [--split dev] [--bundle FOLDER]

`HKPLATES_READER=tesseract make accuracy` measures the whole, detector included.
"""

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from hkplates.recognition.reading.tesseract.reader import TesseractReader
from hkplates.recognition.types import Crop, Reader
from models.reader import evaluate, photo_crops
from models.reader.evaluate import CORNER_JITTER
from models.reader.photo_crops import RealPlate

BUNDLE = Path(__file__).with_name("bundle")
CALL_SIZES = (1, 20, 50)
"""Crops in a call of the reader, for each of which the cost is measured."""


def cpu_per_crop(reader: Reader, crops: Sequence[Crop]) -> dict[int, float]:
    """Returns CPU milliseconds a crop, a program's own included, by the crops in a call."""
    return {
        size: _cpu_milliseconds(lambda n=size: reader.read(crops[:n])) / size for size in CALL_SIZES
    }


def _cpu_milliseconds(work: Callable[[], object], times: int = 3) -> float:
    begun = _cpu_seconds()
    for _ in range(times):
        work()
    return 1000 * (_cpu_seconds() - begun) / times


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def print_tables(reader: Reader, plates: Sequence[RealPlate]) -> None:
    """Reads the plates on true and on jittered corners; prints accuracy, reliability and cost."""
    cv2.setNumThreads(1)
    true = evaluate.read_plates(reader, plates, 1, 0.0)
    shaken = evaluate.read_plates(reader, plates, 5, CORNER_JITTER)
    print(evaluate.accuracy_table(true, shaken), evaluate.reliability_table(shaken), sep="\n\n")
    rng = np.random.default_rng(5)
    crops = [
        crop for plate in plates for crop in evaluate.jittered_crops(plate, 1, CORNER_JITTER, rng)
    ]
    costs = ", ".join(
        f"{cost:.1f} in calls of {n}" for n, cost in cpu_per_crop(reader, crops).items()
    )
    print(f"\nCPU ms a crop: {costs}")
    print(evaluate.list_misread(true))


def main() -> None:
    """Parses the command line and prints the tables."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--split", default="dev")
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    given = cli.parse_args()
    plates = photo_crops.hong_kong_plates(given.data / given.split)
    print_tables(TesseractReader(given.bundle), plates)


if __name__ == "__main__":
    main()
