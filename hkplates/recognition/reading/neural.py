"""The neural reader: rectified plates to text with LiteRT, without TensorFlow."""

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
"""Over this probability of nothing, as most plates of other places have, one look will do."""

TTA_SHIFTS = ((0.04, 0.04), (-0.04, -0.04), (0.04, -0.04), (-0.04, 0.04))
"""How a doubtful plate is moved to be looked at again, across and down, in heights of the plate.

Of 224 plates that three detectors without a refiner found, 184 were read at one look, 200 with the
plate's own edges, 205 with these moves too; with all four moves from the given corners 197, from
the edges 198.
"""


class NeuralReader:
    """Reads plates of one and two rows; see models/reader/CARD.md for what it was trained on.

    Not safe to share between threads: LiteRT's interpreter holds the tensors of one call.
    """

    name = "neural"

    def __init__(self, bundle: Bundle) -> None:
        """Load the weights of an opened bundle, to run on one thread.

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
        given, answer = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        self._input, self._output = given[0]["index"], answer[0]["index"]
        self._check_shapes(tuple(given[0]["shape"]), tuple(answer[0]["shape"]))

    def _check_shapes(self, given: tuple[int, ...], answer: tuple[int, ...]) -> None:
        """Weights of another network would be read as nonsense, without a word."""
        numbers = self._split_points(len(self._symbols) + 1)[-1] + self._ctc_frames * (
            len(self._symbols) + 1
        )
        expected = (1, self._height, self._width, 1), (1, numbers)
        if (given, answer) != expected:
            raise ValueError(f"expected a network of {expected}, got {(given, answer)}")

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """One reading for each crop, in order; the text is empty where nothing is printed."""
        return [self._read(crop) for crop in crops]

    def _read(self, crop: Crop) -> TextReading:
        first = self.forward_crop(crop)
        reading = self._decoder.decode([first])
        if (
            reading.confidence >= self._tta_below
            or self._decoder.blank_probability(first) > BLANK_CUTOFF
        ):
            return reading
        # Further looks cost as much as the first one each: only where they may change something.
        straight = realign(crop)
        views = [first] if straight is None else [first, self.forward_crop(straight)]
        if not reading.text and not self._decoder.decode(views).text:
            return reading  # as of most plates of other places: no vote finds a text there
        return self._decoder.decode([*views, *self._shifted_views(crop, straight)])

    def tta_views(self, crop: Crop) -> list[HeadLogits]:
        """What the network says of the plate cut out otherwise, for a vote.

        Along the plate's own edges, where they are seen; and moved a little, from the corners that
        were given as well as from those edges: either may be wrong.
        """
        straight = realign(crop)
        along = [] if straight is None else [self.forward_crop(straight)]
        return along + self._shifted_views(crop, straight)

    def _shifted_views(self, crop: Crop, straight: Crop | None) -> list[HeadLogits]:
        moved = [self.forward_crop(crop, *move) for move in TTA_SHIFTS[:2]]
        return moved + [
            self.forward_crop(crop if straight is None else straight, *m) for m in TTA_SHIFTS[2:]
        ]

    def forward_crop(self, crop: Crop, across: float = 0.0, down: float = 0.0) -> HeadLogits:
        """What the network says of one crop, undecoded, moved by shares of the plate's height."""
        return self.forward(self.preprocess(crop, across, down))

    def forward(self, pixels: npt.NDArray[np.uint8]) -> HeadLogits:
        """What the network says of its very input, (height, width) gray uint8."""
        # One at a time: a batch costs as much per crop on a CPU, and its last one comes latest.
        self._interpreter.set_tensor(self._input, pixels[None, :, :, None])
        self._interpreter.invoke()
        flat = self._interpreter.get_tensor(self._output)[0].astype(np.float64)
        classes = len(self._symbols) + 1
        slots, lower, rows, steps = np.split(flat, self._split_points(classes))
        return HeadLogits(
            slots.reshape(self._slots, classes),
            lower,
            float(rows[0]),
            steps.reshape(self._ctc_frames, classes),
        )

    def _split_points(self, classes: int) -> list[int]:
        slots = self._slots * classes
        return [slots, slots + self._slots, slots + self._slots + 1]

    def preprocess(
        self, crop: Crop, across: float = 0.0, down: float = 0.0
    ) -> npt.NDArray[np.uint8]:
        """The plate with the margin that the network knows, gray, in the network's size."""
        height, width = crop.shape[:2]
        unit = height / (1 + 2 * CROP_MARGIN)
        cut = round((CROP_MARGIN - self._margin) * unit)
        left, top = cut + round(across * unit), cut + round(down * unit)
        part = crop[top : top + height - 2 * cut, left : left + width - 2 * cut]
        gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
        size = (self._width, self._height)
        return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def open_reader(folder: Path) -> NeuralReader:
    """The reader of a bundle's folder.

    Raises:
        BundleInvalid: the folder is incomplete or altered, or holds no reader.
    """
    return NeuralReader(open_bundle(folder))
