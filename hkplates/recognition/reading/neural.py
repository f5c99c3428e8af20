"""Reads rectified plates with the reader network in LiteRT, without TensorFlow."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.bundle import REMEDY, Bundle, open_bundle
from hkplates.recognition.bundles.litert import open_interpreter
from hkplates.recognition.images.warp import CROP_MARGIN
from hkplates.recognition.reading.decoding import Decoder
from hkplates.recognition.reading.head_scores import HeadLogits
from hkplates.recognition.reading.realign import realign
from hkplates.recognition.reading.versions import neural_version
from hkplates.recognition.types import Crop, TextReading

BLANK_CUTOFF = 0.5
"""Blank probability above which a crop gets no test-time augmentation: most plates of other places
have a higher one."""

TTA_CUTOFF = 0.02
"""Confidence of the first view below which there is no test-time augmentation.

Of 1,029 crops that were doubted, 632 were below it, ten of them Hong Kong plates: further views
read one of these.
"""

TTA_SHIFTS = ((0.04, 0.04), (-0.04, -0.04), (0.04, -0.04), (-0.04, 0.04))
"""Shifts of the crop for test-time augmentation: across and down, in heights of the plate.

Of 224 plates that three detectors without a refiner found, 184 were read from one view, 200 with
the realigned crop too, 205 with these shifts as well; with all four shifts of the given crop 197,
of the realigned one 198.
"""


class NeuralReader:
    """Reads plates of one and two rows; see models/reader/CARD.md for what it was trained on.

    Not safe to share between threads: LiteRT's interpreter holds the tensors of one call.
    """

    name = "neural"

    def __init__(self, bundle: Bundle) -> None:
        """Loads the weights of an opened bundle, to run on one thread.

        Raises:
            BundleInvalid: its files are what their hashes say, and yet no reader.
        """
        try:
            self._load(bundle)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BundleInvalid(
                f"{bundle.folder} holds no reader ({type(error).__name__}: {error}). {REMEDY}"
            ) from None

    def _load(self, bundle: Bundle) -> None:
        config = bundle.config
        self.version = neural_version(bundle.sha256)
        self._height, self._width = bundle.inputs[0]
        self._symbols = "".join(config["classes"])
        self._margin = float(config["margin"])
        self._slots, self._ctc_frames = int(config["slots"]), int(config["steps"])
        self._decoder = Decoder(
            symbols=self._symbols,
            slot_weight=float(config["decoder"]["slot_share"]),
            prior={str(k): float(v) for k, v in config["decoder"]["prior"].items()},
            calibration=_floats(config["decoder"]["calibration"]),
            tta_calibration=_floats(config["decoder"]["calibration_of_views"]),
        )
        self._tta_below = float(config["decoder"]["sure"])
        self._interpreter = open_interpreter(bundle.folder / "model.tflite")
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._check_shapes(tuple(inputs[0]["shape"]), tuple(outputs[0]["shape"]))

    def _check_shapes(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> None:
        """Raises ValueError for the weights of another network, whose output would be nonsense."""
        classes = len(self._symbols) + 1
        numbers = self._split_points(classes)[-1] + self._ctc_frames * classes
        expected = (1, self._height, self._width, 1), (1, numbers)
        if (input_shape, output_shape) != expected:
            raise ValueError(f"expected a network of {expected}, got {(input_shape, output_shape)}")

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """Returns one reading for each crop, in order; its text is empty where none is printed."""
        return [self._read(crop) for crop in crops]

    def _read(self, crop: Crop) -> TextReading:
        first = self.forward_crop(crop)
        reading = self._decoder.decode([first])
        if reading.confidence >= self._tta_below:
            return reading
        if reading.text and reading.confidence < TTA_CUTOFF:
            return reading
        if self._decoder.blank_probability(first) > BLANK_CUTOFF:
            return reading
        # Each further view costs as much as the first: only where it may change something.
        realigned = realign(crop)
        views = [first] if realigned is None else [first, self.forward_crop(realigned)]
        if not reading.text and not self._decoder.decode(views).text:
            return reading  # most plates of other places: no shifted view finds a text there
        return self._decoder.decode([*views, *self._shifted_views(crop, realigned)])

    def tta_views(self, crop: Crop) -> list[HeadLogits]:
        """Returns the network's output for the crop's test-time augmentation, without the crop's.

        That is the realigned crop, where the plate's own edges are found, and shifts both of the
        given crop and of the realigned one: the corners of either may be wrong.
        """
        realigned = realign(crop)
        along_edges = [] if realigned is None else [self.forward_crop(realigned)]
        return along_edges + self._shifted_views(crop, realigned)

    def _shifted_views(self, crop: Crop, realigned: Crop | None) -> list[HeadLogits]:
        """Returns the outputs for two shifts of the crop and two of the realigned one, if any."""
        other = crop if realigned is None else realigned
        of_crop = [self.forward_crop(crop, *shift) for shift in TTA_SHIFTS[:2]]
        return of_crop + [self.forward_crop(other, *shift) for shift in TTA_SHIFTS[2:]]

    def forward_crop(self, crop: Crop, across: float = 0.0, down: float = 0.0) -> HeadLogits:
        """Runs the network on one crop, shifted by shares of the plate's height."""
        return self.forward(self.preprocess(crop, across, down))

    def forward(self, pixels: npt.NDArray[np.uint8]) -> HeadLogits:
        """Runs the network on its very input, (height, width) gray uint8."""
        # One at a time: a batch costs as much per crop on a CPU, and its last one comes latest.
        self._interpreter.set_tensor(self._input, pixels[None, :, :, None])
        self._interpreter.invoke()
        flat = self._interpreter.get_tensor(self._output)[0].astype(np.float64)
        classes = len(self._symbols) + 1
        slots, lower_row, two_rows, frames = np.split(flat, self._split_points(classes))
        return HeadLogits(
            slots.reshape(self._slots, classes),
            lower_row,
            float(two_rows[0]),
            frames.reshape(self._ctc_frames, classes),
        )

    def _split_points(self, classes: int) -> list[int]:
        """Returns where the flat output changes from slots to lower row, two rows, CTC frames."""
        slots = self._slots * classes
        return [slots, slots + self._slots, slots + self._slots + 1]

    def preprocess(
        self, crop: Crop, across: float = 0.0, down: float = 0.0
    ) -> npt.NDArray[np.uint8]:
        """Cuts the crop to the network's margin and stretches it to its size, gray.

        `across` and `down` shift the cut by shares of the plate's height.
        """
        part = cut_to_margin(crop, self._margin, across, down)
        gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
        size = (self._width, self._height)
        return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def cut_to_margin(
    crop: npt.NDArray[np.uint8], margin: float, across: float = 0.0, down: float = 0.0
) -> npt.NDArray[np.uint8]:
    """Cuts a crop with CROP_MARGIN around its plate to a smaller margin; the result is a view.

    `margin` is a share of the plate's height, at most CROP_MARGIN, and so are the shifts.
    """
    height, width = crop.shape[:2]
    unit = height / (1 + 2 * CROP_MARGIN)  # the plate's height, of which margins are shares
    cut = round((CROP_MARGIN - margin) * unit)
    left, top = cut + round(across * unit), cut + round(down * unit)
    return crop[top : top + height - 2 * cut, left : left + width - 2 * cut]


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def open_reader(folder: Path) -> NeuralReader:
    """Opens the neural reader of a bundle's folder.

    Raises:
        BundleInvalid: the folder is incomplete or altered, or holds no reader.
    """
    return NeuralReader(open_bundle(folder))
