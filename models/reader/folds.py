"""Opens the folds of a cross-validation: parts of train/ and readers trained without them."""

from collections.abc import Sequence
from pathlib import Path

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.reading.neural import open_reader
from models.reader import calibrate, evaluate, photo_crops
from models.reader.calibrate import Example
from models.reader.evaluate import EvaluatedReading
from models.reader.photo_crops import HeldOut, RealPlate

FOLDERS = "fold-{}"  # in the folder of a cross-validation


class Fold:
    """A reader, and the plates held out from its training."""

    def __init__(self, bundle: Path, plates: Sequence[RealPlate]) -> None:
        """Takes those of the `plates` that the bundle's config names as held out."""
        self.bundle = bundle
        self.held = HeldOut(*open_bundle(bundle).config["training"]["held_out"])
        self.plates = [plate for plate in plates if plate.label in self.held]

    def examples(self) -> list[Example]:
        """Returns calibration examples of its plates, as its reader scores them."""
        return calibrate.photo_examples(open_reader(self.bundle), self.plates)

    def read_plates(self, times: int, jitter: float) -> list[EvaluatedReading]:
        """Reads its plates on corners jittered `times` times."""
        return evaluate.read_plates(open_reader(self.bundle), self.plates, times, jitter)


def open_folds(folder: Path, data: Path, *, some: bool = False) -> list[Fold]:
    """Opens the folds that were trained into a folder; with `some` not all need be there.

    Raises:
        FileNotFoundError: none is there, or not all of them.
    """
    plates = photo_crops.hong_kong_plates(data / "train")
    folds = [Fold(bundle, plates) for bundle in folder.glob(f"{FOLDERS.format('*')}/bundle")]
    folds.sort(key=lambda fold: fold.held.start)
    if some and folds:
        return folds
    edges = [0.0, *(fold.held.stop for fold in folds)]
    if edges[-1] != 1.0 or [fold.held.start for fold in folds] != edges[:-1]:
        raise FileNotFoundError(
            f"{folder} has not all folds of one cross-validation: run models.reader.crossvalidate, "
            "in an empty folder if their number changed."
        )
    return folds
