"""Finds plates in photographs with the trained network, in LiteRT or in TensorFlow.

Both runtimes share what comes before (the photograph is letterboxed into the input) and after
(peaks of the head output, the refiner's passes over each); only the forward pass differs, and a
test holds them to the same boxes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hkplates.errors import BundleInvalid, RuntimeMissing
from hkplates.recognition.bundles.bundle import MIN_PROPOSAL_SCORE, REMEDY, Bundle, open_bundle
from hkplates.recognition.bundles.choices import RuntimeName
from hkplates.recognition.bundles.litert import open_interpreter
from hkplates.recognition.calibration import ScoreCalibration
from hkplates.recognition.detection.frames import Frame, cut_frames
from hkplates.recognition.detection.heatmap import HeadOutput, find_peaks
from hkplates.recognition.detection.refiner import Refiner
from hkplates.recognition.detection.suppression import (
    LevelPeaks,
    Peak,
    drop_nested,
    non_max_suppression,
    suppress_across_levels,
)
from hkplates.recognition.types import Detection, Detector, Photo, Quad, Region

REGIONS: tuple[Region, Region] = ("HK", "other")  # of the network's classes, in their order
HONG_KONG = 0  # of these

MAX_TRUSTED_WIDTH = 240
"""Pixels of a frame up to which the network knows plates; wider ones are the next level's."""

ForwardFn = Callable[[Photo], HeadOutput]
"""Runs the network on a frame of a photograph (H, W, 3) uint8; head output (H/8, W/8, 10)."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A region proposal: corners (4, 2) in pixels of the photograph, and its class.

    `heatmap_score` (0 to 1) is the detector's; `refiner_logit` the refiner's log-odds of that
    class, `hong_kong_logit` those of a Hong Kong plate.
    """

    corners: npt.NDArray[np.float32]
    label: int
    heatmap_score: float
    refiner_logit: float | None = None
    hong_kong_logit: float | None = None


@dataclass(frozen=True, slots=True)
class ScoredProposal(Peak):
    """A proposal whose `score` is a probability, with that of a Hong Kong plate if it is known."""

    hong_kong_score: float | None


class NetworkDetector:
    """A plate detector around any function that runs the network."""

    def __init__(
        self,
        forward: ForwardFn,
        inputs: Sequence[tuple[int, int]],
        threshold: float,
        *,
        large_inputs: Sequence[tuple[int, int]] = (),
        proposal_threshold: float = MIN_PROPOSAL_SCORE,
        refiner: Refiner | None = None,
        calibration: ScoreCalibration | None = None,
        sha256: str = "",
    ) -> None:
        """Wraps `forward`; `inputs` are (height, width) to choose from, `sha256` names the model.

        Large photographs go into the `large_inputs`, if there are any, and very large ones are cut
        into tiles (frames.py). Peaks with a heat-map score of `proposal_threshold` and
        more go through the `refiner`; `calibration` makes both networks' scores the probability
        that `threshold` is compared with.
        """
        self.forward = forward
        self._inputs = tuple(inputs)
        self._large_inputs = tuple(large_inputs)
        self._proposal_threshold = proposal_threshold
        self._refiner = refiner
        self._calibration = calibration or ScoreCalibration()
        self.threshold = threshold
        self.sha256 = sha256

    def detect(self, photo: Photo) -> list[Detection]:
        """Detects the plates of a photograph, the most probable first.

        `photo` is (height, width, 3) uint8 RGB; quads are in its pixels.
        """
        return self.select_detections(self.propose(photo), self._calibration, self.threshold)

    def select_detections(
        self, proposals: Sequence[Proposal], calibration: ScoreCalibration, threshold: float
    ) -> list[Detection]:
        """Returns the proposals with a probability of at least `threshold`, after NMS."""
        scored = [_score(proposal, calibration) for proposal in proposals]
        likely = [proposal for proposal in scored if proposal.score >= threshold]
        # Again after refinement: two proposals may have been moved onto one plate.
        return [
            Detection(Quad.from_array(p.corners), p.score, REGIONS[p.label], p.hong_kong_score)
            for p in non_max_suppression(drop_nested(likely))
        ]

    def propose(self, photo: Photo) -> list[Proposal]:
        """Returns the region proposals of a photograph, refined if there is a refiner."""
        refined = [self._refine(photo, peak) for peak in self.heatmap_proposals(photo)]
        return [proposal for proposal in refined if proposal is not None]

    def heatmap_proposals(self, photo: Photo) -> list[Peak]:
        """Returns the heat maps' peaks before refinement, in pixels of the photograph."""
        frames = cut_frames(photo, self._inputs, self._large_inputs)
        return suppress_across_levels(
            [self._level_peaks(level) for _, level in groupby(frames, attrgetter("level"))]
        )

    def _level_peaks(self, frames: Iterator[Frame]) -> LevelPeaks:
        peaks: list[Peak] = []
        scale = 1.0
        # One frame at a time: all tiles of a large photograph would be as large as it.
        for frame in frames:
            peaks += self._frame_peaks(frame)
            scale = float(frame.scale[0])
        return LevelPeaks(non_max_suppression(peaks), MAX_TRUSTED_WIDTH / scale)

    def _frame_peaks(self, frame: Frame) -> Iterator[Peak]:
        for peak in find_peaks(self.forward(frame.pixels), self._proposal_threshold):
            if frame.shows_whole(peak.corners):
                yield replace(peak, corners=frame.to_photo(peak.corners))

    def _refine(self, photo: Photo, peak: Peak) -> Proposal | None:
        if self._refiner is None:
            return Proposal(peak.corners, peak.label, peak.score)
        refined = self._refiner.refine(photo, peak.corners.astype(np.float64))
        if refined is None:
            return None
        # The class is the likelier region; "none" only lowers that region's log-odds.
        label = int(refined.class_logits[: len(REGIONS)].argmax())
        return Proposal(
            refined.corners.astype(np.float32),
            label,
            peak.score,
            refiner_logit=refined.log_odds(label),
            hong_kong_logit=refined.log_odds(HONG_KONG),
        )


def _score(proposal: Proposal, calibration: ScoreCalibration) -> ScoredProposal:
    # Without a refiner its logit is 0, which adds nothing to the calibrated log-odds.
    score = calibration.probability(proposal.heatmap_score, proposal.refiner_logit or 0.0)
    logit = proposal.hong_kong_logit
    known = None if logit is None else calibration.probability(proposal.heatmap_score, logit)
    return ScoredProposal(proposal.corners, score, proposal.label, known)


class LiteRTDetector(NetworkDetector):
    """The network in LiteRT on one core, since many worker processes share a machine.

    Safe to build before or after a fork; not to be used by two threads at once.
    """

    def __init__(self, bundle: Bundle, threshold: float | None = None) -> None:
        """Loads the bundle's network; `threshold` replaces the bundle's own.

        Raises:
            BundleInvalid: where LiteRT cannot load the model.
        """
        self._model = bundle.folder / "model.tflite"
        self._interpreters: dict[tuple[int, ...], Any] = {}
        super().__init__(self._run, **_settings(bundle, threshold))
        self._interpreter(bundle.inputs[0])

    def _run(self, photo: Photo) -> HeadOutput:
        interpreter = self._interpreter(photo.shape[:2])
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], photo[None])
        interpreter.invoke()
        output = interpreter.get_output_details()[0]["index"]
        head_output: HeadOutput = interpreter.get_tensor(output)[0]
        return head_output

    def _interpreter(self, size: tuple[int, ...]) -> Any:
        """Returns the interpreter of an input size; resizing one costs more than a photograph."""
        if size not in self._interpreters:
            self._interpreters[size] = open_interpreter(self._model, (1, *size, 3))
        return self._interpreters[size]


class TensorFlowDetector(NetworkDetector):
    """The network in TensorFlow, on a GPU where it finds one.

    To be built in the process that uses it: a child forked afterwards hangs.
    """

    def __init__(self, bundle: Bundle, threshold: float | None = None) -> None:
        """Loads the bundle's network; `threshold` replaces the bundle's own.

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

    def _run(self, photo: Photo) -> HeadOutput:
        head_output: HeadOutput = self._loaded.answer(self._to_tensor(photo[None])).numpy()[0]
        return head_output


def _settings(bundle: Bundle, threshold: float | None) -> dict[str, Any]:
    """Returns the detector's arguments that a bundle holds, the same for both runtimes."""
    return {
        "inputs": bundle.inputs,
        "threshold": bundle.threshold if threshold is None else threshold,
        "large_inputs": bundle.large_inputs,
        "proposal_threshold": bundle.proposal_threshold,
        "refiner": bundle.refiner and Refiner(bundle.refiner),
        "calibration": bundle.score_calibration,
        "sha256": bundle.sha256,
    }


def open_detector(folder: Path, runtime: RuntimeName, threshold: float | None = None) -> Detector:
    """Opens the detector in a bundle's folder, in the runtime named "litert" or "tensorflow".

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
