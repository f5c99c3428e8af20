"""Write the bundle that hkplates opens: LiteRT, SavedModel, config and hashes.

    python -m models.detector.export --out FOLDER [--bundle FOLDER] [--data FOLDER] [--threshold T]

`--out` is the folder a training wrote to, finished or not. With `--data` the threshold is chosen on
the photographs held back from it, and what makes warmth a probability is fitted on them; else the
threshold is the one given.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hkplates.recognition.bundle import CONFIG as CONFIG_NAME
from hkplates.recognition.bundle import FORMAT, hash_of, open_bundle
from hkplates.recognition.certainty import Certainty
from hkplates.recognition.detector import LiteRTDetector
from hkplates.recognition.peaks import STRIDE
from hkplates.recognition.types import Detection
from models.detector.album import HONG_KONG, Picture
from models.detector.evaluate import BUNDLE, bounds, count, iou
from models.detector.targets import CLASSES
from models.detector.train import CONFIG, read_config, read_data
from models.detector.transplant import make_yellow
from models.detector.views import PADDING

FALLBACK_THRESHOLD = 0.35
LOWEST = 0.2  # of the thresholds tried
SMALL = 0.55  # of the size: the plates held back are then 30 to 60 pixels wide in the input


def export(out: Path, bundle: Path, config: dict[str, Any], threshold: float) -> None:
    """Write `bundle` from the averaged weights in `out`."""
    if bundle.exists():
        shutil.rmtree(bundle)
    bundle.mkdir(parents=True)
    _write_models(out, bundle)
    state = json.loads((out / "state.json").read_text(encoding="utf-8"))
    write_config(bundle, config, threshold, state)


def write_config(
    bundle: Path,
    config: dict[str, Any],
    threshold: float,
    state: dict[str, Any],
    certainty: Certainty | None = None,
) -> None:
    """Write config.json with the hashes of all files beside it."""
    files = sorted(p for p in bundle.rglob("*") if p.is_file() and p.name != CONFIG_NAME)
    described = {
        "format": FORMAT,
        "inputs": config["inputs"],
        "large_inputs": config["large_inputs"],
        "colour_order": "RGB",
        "input": "uint8 (1, height, width, 3); all scaling is inside",
        "output": "float32 (1, height / stride, width / stride, 10): warmth of each class, then "
        "x and y of four corners in pixels from the cell's middle",
        "classes": list(CLASSES),
        "stride": STRIDE,
        "threshold": threshold,
        "first_threshold": config["first_threshold"],
        "certainty": certainty and [certainty.slope, certainty.shift],
        "training": {
            "seed": config["seed"],
            "steps": state["step"],
            "views": state["step"] * config["batch"],
            "minutes": round(state["spent"] / 60, 1),
            "before": state.get("before"),
        },
        "files": {p.relative_to(bundle).as_posix(): hash_of(p.read_bytes()) for p in files},
    }
    text = json.dumps(described, indent=2) + "\n"
    (bundle / CONFIG_NAME).write_text(text, encoding="utf-8")


def look_at(bundle: Path, held: Sequence[Picture]) -> list[list[Detection]]:
    """What the bundle's network finds on each picture, from LOWEST on."""
    detector = LiteRTDetector(open_bundle(bundle), LOWEST)
    return [detector.detect(picture.pixels) for picture in held]


def harder(held: Sequence[Picture]) -> list[Picture]:
    """The pictures with Hong Kong plates once more, with yellow plates, and at SMALL of their size.

    Few readable plates are held back, and hardly a yellow or a far one is among them: a threshold
    chosen on the others alone would leave those out.
    """
    rng = np.random.default_rng(5)
    copies = []
    for picture in held:
        if picture.hong_kong:
            copies += [_yellow(rng, picture), _small(picture)]
    return copies


def _yellow(rng: np.random.Generator, picture: Picture) -> Picture:
    pixels = picture.pixels.copy()
    for plate in picture.plates:
        if plate.label == HONG_KONG and plate.colour == "white":
            make_yellow(rng, pixels, plate.quad)
    return replace(picture, pixels=pixels)


def _small(picture: Picture) -> Picture:
    """Padded to its old size, or the detector would show it as large as before."""
    small = cv2.resize(picture.pixels, None, fx=SMALL, fy=SMALL, interpolation=cv2.INTER_AREA)
    pixels = np.full_like(picture.pixels, PADDING)
    pixels[: small.shape[0], : small.shape[1]] = small
    plates = tuple(replace(plate, quad=plate.quad * np.float32(SMALL)) for plate in picture.plates)
    return replace(picture, pixels=pixels, plates=plates)


def choose_threshold(held: Sequence[Picture], answers: Sequence[Sequence[Detection]]) -> float:
    """The warmth with the fewest faults on photographs held back from training.

    A missed plate counts as much as two false reports: both are wrong rows, but a false one still
    has to be read as something. Of equals the middle one is taken.
    """
    faults = {}
    for threshold in np.arange(LOWEST, 0.66, 0.05).round(2).tolist():
        sure = [[d for d in found if d.score >= threshold] for found in answers]
        report = count(held, sure, 0.0)
        wrong = len(report.false) + len(report.foreign)
        faults[threshold] = 2 * len(report.missed) + wrong
        print(f"{threshold:.2f}: {len(report.missed)} missed, {wrong} false or foreign", flush=True)
    best = [t for t, number in faults.items() if number == min(faults.values())]
    return best[len(best) // 2]


def fit_certainty(held: Sequence[Picture], answers: Sequence[Sequence[Detection]]) -> Certainty:
    """How likely a report of a Hong Kong plate is one, by its warmth: a logistic regression.

    Reports are few, so that the line is held near the one that changes nothing.
    """
    claims = [
        (found.score, _is_ours(picture, found))
        for picture, detections in zip(held, answers, strict=True)
        for found in detections
        if found.region == "HK"
    ]
    warmth = np.array([score for score, _ in claims]).clip(0.01, 0.99)
    right = np.array([ours for _, ours in claims], float)
    seen = np.stack([np.log(warmth / (1 - warmth)), np.ones(len(claims))], axis=1)
    plain = np.array([1.0, 0.0])
    line = plain
    for _ in range(30):
        told = 1 / (1 + np.exp(-seen @ line))
        slope = seen.T @ (right - told) - (line - plain)
        bend = (seen * (told * (1 - told))[:, None]).T @ seen + np.eye(2)
        line = line + np.linalg.solve(bend, slope)
    print(f"{int(right.sum())} of {len(claims)} reports from {LOWEST} on are Hong Kong plates")
    return Certainty(max(float(line[0].round(3)), 0.1), float(line[1].round(3)))


def _is_ours(picture: Picture, found: Detection) -> bool:
    ours = [bounds(plate) for plate in picture.plates if plate.label == HONG_KONG]
    return any(iou(found.quad.bounds(), box) >= 0.3 for box in ours)


def _write_models(out: Path, bundle: Path) -> None:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    from models.detector.network import ServingDetector, build_network

    network = build_network()
    network.load_weights(out / "averaged.weights.h5")
    serving = ServingDetector(network)
    # Frozen first: weights left as variables stay outside the graph, and LiteRT then runs five
    # times slower.
    frozen = convert_variables_to_constants_v2(_traced(tf, serving, (1, 480, 640, 3)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    (bundle / "model.tflite").write_bytes(converter.convert())
    _save(tf, serving, bundle / "saved_model")


def _traced(tf: Any, serving: Any, shape: Sequence[int | None]) -> Any:
    return tf.function(serving.answer).get_concrete_function(tf.TensorSpec(shape, tf.uint8))


def _save(tf: Any, serving: Any, folder: Path) -> None:
    """A SavedModel of the inference graph alone: constants inside, any size, no training state."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    frozen = convert_variables_to_constants_v2(_traced(tf, serving, (None, None, None, 3)))
    module = tf.Module()
    signature = [tf.TensorSpec((None, None, None, 3), tf.uint8, name="photos")]

    @tf.function(input_signature=signature)
    def answer(photos: Any) -> Any:
        return frozen(photos)[0]

    module.answer = answer
    tf.saved_model.save(module, str(folder), signatures=answer)


def main() -> None:
    """The command line."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--out", type=Path, default=Path(".train/detector"))
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    cli.add_argument("--data", type=Path, help="choose the threshold on what was held back here")
    cli.add_argument("--threshold", type=float)
    cli.add_argument("--config", type=Path, default=CONFIG, help="that the training used")
    options = cli.parse_args()
    config = read_config(options.config)
    export(options.out, options.bundle, config, options.threshold or FALLBACK_THRESHOLD)
    if options.data and options.threshold is None:
        held = read_data(options.data, config)[1]
        certainty = fit_certainty(held, look_at(options.bundle, held))
        every = held + harder(held)
        warmth = choose_threshold(every, look_at(options.bundle, every))
        threshold = round(certainty.probability(warmth), 3)
        state = json.loads((options.out / "state.json").read_text(encoding="utf-8"))
        write_config(options.bundle, config, threshold, state, certainty)
    opened = open_bundle(options.bundle)
    size = sum(p.stat().st_size for p in options.bundle.rglob("*") if p.is_file())
    print(f"{options.bundle}: threshold {opened.threshold}, {size / 1e6:.1f} MB, {opened.sha256}")


if __name__ == "__main__":
    main()
