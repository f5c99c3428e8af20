"""Find plates in photographs with the trained network, in LiteRT or in TensorFlow.

Both runtimes share what comes before (fit the photograph into the input) and after (peaks of the
answers, a second look at each); only the middle differs, and a test holds them to the same boxes.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hkplates.errors import BundleInvalid, RuntimeMissing
from hkplates.recognition.bundle import REMEDY, Bundle, open_bundle
from hkplates.recognition.certainty import Certainty
from hkplates.recognition.choices import RuntimeName
from hkplates.recognition.images import letterbox
from hkplates.recognition.peaks import Answers, Peak, find_peaks
from hkplates.recognition.second_look import look_again
from hkplates.recognition.types import Detection, Detector, Photo, Quad, Region

REGIONS: tuple[Region, Region] = ("HK", "other")  # of the network's classes, in their order

# Pixels. Larger photographs mostly show more and smaller plates: of 29 on photographs of
# 2,560 x 1,920 made of four, the small input finds 22 and the large one 27.
LARGE_SIDE = 1800

Answer = Callable[[Photo], Answers]
"""A fitted photograph (H, W, 3) to the network's answers (H/8, W/8, 10)."""


class NetworkDetector:
    """A detector around anything that can run the network."""

    def __init__(
        self,
        answer: Answer,
        inputs: Sequence[tuple[int, int]],
        threshold: float,
        *,
        large_inputs: Sequence[tuple[int, int]] = (),
        first_threshold: float | None = None,
        certainty: Certainty | None = None,
        sha256: str = "",
    ) -> None:
        """`inputs` are heights and widths to choose from; `sha256` names the model.

        Photographs of more than LARGE_SIDE pixels go into the `large_inputs`, if there are any.
        With a `first_threshold`, whatever the first look finds of this warmth is looked at again.
        `certainty` makes the warmth of what is found the score that `threshold` is about.
        """
        self.answer = answer
        self._inputs = tuple(inputs)
        self._large_inputs = tuple(large_inputs) or self._inputs
        self._first_threshold = first_threshold
        self._certainty = certainty or Certainty()
        self.threshold = threshold
        self._least = threshold if certainty is None else certainty.warmth(threshold)
        self.sha256 = sha256

    def detect(self, photo: Photo) -> list[Detection]:
        """Every plate found, the surest first.

        `photo` is (height, width, 3) uint8 RGB; quads are in its pixels.
        """
        if self._first_threshold is None:
            peaks = self._first_look(photo, self._least)
        else:
            doubtful = self._first_look(photo, min(self._first_threshold, self._least))
            peaks = look_again(photo, doubtful, self.answer, self._least)
        return [self._detection(peak) for peak in peaks]

    def _detection(self, peak: Peak) -> Detection:
        score = self._certainty.probability(peak.score)
        return Detection(Quad.from_array(peak.corners), score, REGIONS[peak.label])

    def _first_look(self, photo: Photo, threshold: float) -> list[Peak]:
        """Peaks in pixels of the photograph."""
        inputs = self._large_inputs if max(photo.shape[:2]) > LARGE_SIDE else self._inputs
        height, width = best_input(photo.shape[1] / photo.shape[0], inputs)
        fitted, scale, left, top = letterbox(photo, width, height)
        offset = np.array([left, top], np.float32)
        peaks = find_peaks(self.answer(fitted), threshold)
        return [replace(p, corners=(p.corners - offset) / np.float32(scale)) for p in peaks]


class LiteRTDetector(NetworkDetector):
    """The network in LiteRT on one core: many worker processes share a machine.

    Safe to build before or after a fork; not to be used by two threads at once.
    """

    def __init__(self, bundle: Bundle, threshold: float | None = None) -> None:
        """`threshold` replaces the bundle's own.

        Raises:
            BundleInvalid: where LiteRT cannot load the model.
        """
        self._model = bundle.folder / "model.tflite"
        self._interpreters: dict[tuple[int, ...], Any] = {}
        super().__init__(self._run, **_settings(bundle, threshold))
        self._interpreter(bundle.inputs[0])

    def _run(self, photo: Photo) -> Answers:
        interpreter = self._interpreter(photo.shape[:2])
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], photo[None])
        interpreter.invoke()
        answers: Answers = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
        return answers

    def _interpreter(self, size: tuple[int, ...]) -> Any:
        """One interpreter for each input size: to resize one costs more than a photograph."""
        if size not in self._interpreters:
            self._interpreters[size] = self._load(size)
        return self._interpreters[size]

    def _load(self, size: tuple[int, ...]) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        try:
            with without_announcements():
                interpreter = Interpreter(model_path=str(self._model), num_threads=1)
                index = interpreter.get_input_details()[0]["index"]
                interpreter.resize_tensor_input(index, [1, *size, 3])
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BundleInvalid(f"LiteRT cannot load {self._model}: {error}. {REMEDY}") from None
        return interpreter


class TensorFlowDetector(NetworkDetector):
    """The network in TensorFlow, on a GPU where it finds one.

    To be built in the process that uses it: a child forked afterwards hangs.
    """

    def __init__(self, bundle: Bundle, threshold: float | None = None) -> None:
        """`threshold` replaces the bundle's own.

        Raises:
            RuntimeMissing: where TensorFlow is not installed.
            BundleInvalid: where TensorFlow cannot load the model.
        """
        try:
            import tensorflow as tf
        except ImportError:
            raise RuntimeMissing(
                "TensorFlow is not installed. Run `pip install 'hkplates[tensorflow]'`, or set "
                "HKPLATES_RUNTIME=litert."
            ) from None
        folder = bundle.folder / "saved_model"
        try:
            self._loaded = tf.saved_model.load(str(folder))
        except (OSError, ValueError) as error:
            raise BundleInvalid(f"TensorFlow cannot load {folder}: {error}. {REMEDY}") from None
        self._to_tensor = tf.constant
        super().__init__(self._run, **_settings(bundle, threshold))

    def _run(self, photo: Photo) -> Answers:
        answers: Answers = self._loaded.answer(self._to_tensor(photo[None])).numpy()[0]
        return answers


def _settings(bundle: Bundle, threshold: float | None) -> dict[str, Any]:
    """What a bundle says of how its network is used, whatever runs it."""
    return {
        "inputs": bundle.inputs,
        "threshold": bundle.threshold if threshold is None else threshold,
        "large_inputs": bundle.large_inputs,
        "first_threshold": bundle.first_threshold,
        "certainty": bundle.certainty,
        "sha256": bundle.sha256,
    }


def open_detector(folder: Path, runtime: RuntimeName, threshold: float | None = None) -> Detector:
    """The detector in a bundle's folder, in the runtime named "litert" or "tensorflow".

    Raises:
        BundleInvalid, RuntimeMissing: see above.
        ValueError: for another runtime.
    """
    runtimes: dict[RuntimeName, Callable[[Bundle, float | None], Detector]] = {
        "litert": LiteRTDetector,
        "tensorflow": TensorFlowDetector,
    }
    if runtime not in runtimes:
        raise ValueError(f"expected runtime to be one of {', '.join(runtimes)}, got {runtime!r}")
    return runtimes[runtime](open_bundle(folder, runtime), threshold)


def best_input(aspect: float, inputs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The height and width in which a photograph of width / height `aspect` is shown largest."""
    return max(inputs, key=lambda size: min(size[1] / aspect, size[0]))


@contextmanager
def without_announcements() -> Iterator[None]:
    """Leave out LiteRT's "INFO: Created ..." on standard error, which no setting turns off.

    Whatever else is written meanwhile comes out afterwards.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            kept = b"".join(line for line in held if not line.startswith(b"INFO: "))
            if kept:
                os.write(2, kept)
