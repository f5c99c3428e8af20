"""Opens bundles: trained models as folders of weights, a config.json and the files' hashes.

::

    bundle/
      config.json     input sizes, colour order, classes, threshold, how it was trained,
                      and "files": the SHA-256 of every file beside it
      model.tflite    for LiteRT
      refiner.tflite  for LiteRT: the detector's second network, if it has one
      saved_model/    for TensorFlow; an installation without TensorFlow may leave it out
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hkplates.errors import BundleInvalid
from hkplates.recognition.bundles.choices import RuntimeName
from hkplates.recognition.calibration import ScoreCalibration
from hkplates.recognition.score_fusion import ScoreFusion

CONFIG = "config.json"
REFINER = "refiner.tflite"
MIN_PROPOSAL_SCORE = 0.05  # heat-map score of the detector; below it nothing is a plate
FORMAT = 1
WEIGHTS: dict[RuntimeName, str] = {"litert": "model.tflite", "tensorflow": "saved_model/"}
REMEDY = "Restore it from the repository, or train it again (models/README.md)."


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened model folder, whose needed files have the hashes that its config names.

    `sha256` identifies the whole model: the hash of config.json, which holds the hashes of all
    other files, also of those that were not needed and may be absent.
    """

    folder: Path
    config: Mapping[str, Any]
    sha256: str

    @property
    def inputs(self) -> tuple[tuple[int, int], ...]:
        """Heights and widths, in pixels, of the network inputs to choose from."""
        return _sizes(self.config["inputs"])

    @property
    def large_inputs(self) -> tuple[tuple[int, int], ...]:
        """Input sizes for large photographs; empty where those go into the others."""
        return _sizes(self.config.get("large_inputs", ()))

    @property
    def threshold(self) -> float:
        """Least score (0 to 1) of a detection."""
        return float(self.config["threshold"])

    @property
    def proposal_threshold(self) -> float:
        """Least heat-map score (0 to 1) of a proposal."""
        # Keys "first_threshold" and "certainty" stay as bundles have them: config.json's hash is
        # part of the model version.
        return float(self.config.get("first_threshold", MIN_PROPOSAL_SCORE))

    @property
    def refiner(self) -> Path | None:
        """Path of the refiner, which scores each proposal again; None where there is none."""
        return self.folder / REFINER if REFINER in self.config["files"] else None

    @property
    def score_calibration(self) -> ScoreCalibration | None:
        """Calibration of scores to a probability; None where the heat-map score is used as it."""
        value = self.config.get("certainty")
        if value is None:
            return None
        heatmap_weight, refiner_weight, bias = (float(number) for number in value)
        return ScoreCalibration(heatmap_weight, refiner_weight, bias)

    @property
    def score_fusion(self) -> ScoreFusion:
        """Fusion of the detector's score and the reading; without one, the score alone."""
        value = self.config.get("score_fusion")
        if value is None:
            return ScoreFusion()
        weights = {form: float(weight) for form, weight in value["form_weights"].items()}
        return ScoreFusion(
            float(value["score_weight"]),
            float(value["reading_weight"]),
            weights,
            float(value["bias"]),
            float(value["threshold"]),
        )


def open_bundle(folder: Path, runtime: RuntimeName = "litert") -> Bundle:
    """Opens a model folder and checks every file that this runtime needs against its hash.

    Raises:
        BundleInvalid: a file, which it names, is missing, unreadable or has another hash.
    """
    data = _read(folder / CONFIG)
    try:
        config = json.loads(data)
    except ValueError:
        raise BundleInvalid(f"{folder / CONFIG} is not JSON. {REMEDY}") from None
    _check_config(folder, config)
    bundle = Bundle(folder, config, sha256_of(data))
    _check_values(bundle)
    for name, expected in _needed(folder, config["files"], runtime).items():
        if sha256_of(_read(folder / name)) != expected:
            raise BundleInvalid(f"{folder / name} is not the file that {CONFIG} names. {REMEDY}")
    return bundle


def sha256_of(data: bytes) -> str:
    """Returns the SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _check_values(bundle: Bundle) -> None:
    """Refuses values of the wrong form when the bundle opens, not in the middle of the work.

    Raises:
        BundleInvalid: sizes, thresholds or calibrations are of the wrong form.
    """
    # Each property parses its value when it is read.
    try:
        inputs = bundle.inputs, bundle.large_inputs
        _ = (
            bundle.threshold,
            bundle.proposal_threshold,
            bundle.score_calibration,
            bundle.score_fusion,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        inputs = ((), ())
    if not inputs[0]:
        path = bundle.folder / CONFIG
        raise BundleInvalid(f"{path} has sizes or thresholds of the wrong form. {REMEDY}")


def _needed(folder: Path, files: Mapping[str, str], runtime: RuntimeName) -> Mapping[str, str]:
    """Returns names and hashes of all files but the weights of other runtimes.

    Raises:
        BundleInvalid: there are no weights for this runtime.
    """
    if not any(name.startswith(WEIGHTS[runtime]) for name in files):
        raise BundleInvalid(f"{folder / CONFIG} names no {WEIGHTS[runtime]}. {REMEDY}")
    others = tuple(weights for name, weights in WEIGHTS.items() if name != runtime)
    return {name: expected for name, expected in files.items() if not name.startswith(others)}


def _sizes(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(height), int(width)) for height, width in pairs)


def _check_config(folder: Path, config: object) -> None:
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise BundleInvalid(f"{folder / CONFIG} is not of format {FORMAT}. {REMEDY}")
    absent = {"inputs", "threshold", "files", "colour_order", "classes"} - set(config)
    if absent:
        raise BundleInvalid(f"{folder / CONFIG} lacks {', '.join(sorted(absent))}. {REMEDY}")
    if not isinstance(config["files"], dict):
        raise BundleInvalid(f"{folder / CONFIG} does not name its files' hashes. {REMEDY}")
    # Files are hashed and loaded by these names: none may lead out of the folder.
    outside = [name for name in config["files"] if Path(name).is_absolute() or ".." in name]
    if outside:
        raise BundleInvalid(f"{folder / CONFIG} names {outside[0]!r}, outside its folder. {REMEDY}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleInvalid(f"{path} cannot be read: {error.strerror}. {REMEDY}") from None
