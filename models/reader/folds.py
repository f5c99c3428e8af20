"""Parts of train/ and the readers that were trained without them."""

from collections.abc import Sequence
from pathlib import Path

from hkplates.recognition.reader import open_reader
from models.reader import calibrate, evaluate, real
from models.reader.calibrate import Example
from models.reader.evaluate import Outcome
from models.reader.real import HeldOut, RealPlate

FOLDERS = "fold-{}"  # in the folder of a cross-validation


class Fold:
    """A reader, and the plates that it was not trained on."""

    def __init__(self, bundle: Path, held: HeldOut, plates: Sequence[RealPlate]) -> None:
        self.bundle = bundle
        self.plates = [plate for plate in plates if plate.label in held]

    def examples(self) -> list[Example]:
        """What its reader, without a decoder of its own, makes of its plates."""
        return calibrate.photographed(open_reader(self.bundle), self.plates)

    def outcomes(self, times: int, off: float) -> list[Outcome]:
        """What its reader reads."""
        return evaluate.outcomes(open_reader(self.bundle), self.plates, times, off)


def open_folds(folder: Path, data: Path) -> list[Fold]:
    """The folds that were trained into a folder.

    Raises:
        FileNotFoundError: there are none.
    """
    bundles = sorted(folder.glob(f"{FOLDERS.format('*')}/bundle"))
    if not bundles:
        raise FileNotFoundError(f"No folds in {folder}: run models.reader.crossvalidate first.")
    plates = real.hong_kong(data / "train")
    return [
        Fold(bundle, HeldOut.fold(number, len(bundles)), plates)
        for number, bundle in enumerate(bundles)
    ]
