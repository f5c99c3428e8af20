"""Parts of train/ and the readers that were trained without them."""

from collections.abc import Sequence
from pathlib import Path

from hkplates.recognition.bundles.bundle import open_bundle
from hkplates.recognition.reading.neural import open_reader
from models.reader import calibrate, evaluate, photo_crops
from models.reader.calibrate import Example
from models.reader.evaluate import PlateReading
from models.reader.photo_crops import HeldOut, RealPlate

FOLDERS = "fold-{}"  # in the folder of a cross-validation


class Fold:
    """A reader, and the plates that it was not trained on."""

    def __init__(self, bundle: Path, plates: Sequence[RealPlate]) -> None:
        """`bundle` tells in its config which of the `plates` it was kept from."""
        self.bundle = bundle
        self.held = HeldOut(*open_bundle(bundle).config["training"]["held_out"])
        self.plates = [plate for plate in plates if plate.label in self.held]

    def examples(self) -> list[Example]:
        """What its reader, without a decoder of its own, makes of its plates."""
        return calibrate.photo_examples(open_reader(self.bundle), self.plates)

    def read_plates(self, times: int, jitter: float) -> list[PlateReading]:
        """What its reader reads."""
        return evaluate.read_plates(open_reader(self.bundle), self.plates, times, jitter)


def open_folds(folder: Path, data: Path) -> list[Fold]:
    """The folds that were trained into a folder.

    Raises:
        FileNotFoundError: there are none, or not all of them.
    """
    plates = photo_crops.hong_kong_plates(data / "train")
    folds = [Fold(bundle, plates) for bundle in folder.glob(f"{FOLDERS.format('*')}/bundle")]
    folds.sort(key=lambda fold: fold.held.start)
    edges = [0.0, *(fold.held.stop for fold in folds)]
    if edges[-1] != 1.0 or [fold.held.start for fold in folds] != edges[:-1]:
        raise FileNotFoundError(
            f"{folder} has not all folds of one cross-validation: run models.reader.crossvalidate, "
            "in an empty folder if their number changed."
        )
    return folds
