"""Write the bundle that hkplates opens: LiteRT, SavedModel, config and hashes.

    python -m models.detector.export --out FOLDER [--bundle FOLDER] [--data FOLDER] [--threshold T]

`--out` is the folder a training wrote to, finished or not. With `--data` the scores are calibrated
and the threshold is chosen on the photographs held back from it; else the threshold is the one
given.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from hkplates.recognition.bundles.bundle import CONFIG as CONFIG_NAME
from hkplates.recognition.bundles.bundle import FORMAT, REFINER, open_bundle, sha256_of
from hkplates.recognition.calibration import ScoreCalibration
from hkplates.recognition.detection.heatmap import STRIDE
from models.detector.calibrate import calibrate
from models.detector.dataset import read_data
from models.detector.evaluate import BUNDLE
from models.detector.targets import CLASSES
from models.detector.train import CONFIG, read_config

FALLBACK_THRESHOLD = 0.35


def export(out: Path, bundle: Path, config: dict[str, Any], threshold: float) -> None:
    """Writes `bundle` from the averaged weights in `out`."""
    if (bundle / REFINER).exists():
        print(f"{bundle} loses its refiner, which knew another detector: train and export it next")
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
    certainty: ScoreCalibration | None = None,
) -> None:
    """Writes config.json with the hashes of all files beside it."""
    files = sorted(p for p in bundle.rglob("*") if p.is_file() and p.name != CONFIG_NAME)
    described = {
        "format": FORMAT,
        "inputs": config["inputs"],
        "large_inputs": config["large_inputs"],
        "colour_order": "RGB",
        "input": "uint8 (1, height, width, 3); all scaling is inside",
        "output": "float32 (1, height / stride, width / stride, 10): score of each class, then "
        "x and y of four corners in pixels from the cell's middle",
        "classes": list(CLASSES),
        "stride": STRIDE,
        "threshold": threshold,
        "first_threshold": config["proposal_threshold"],
        "certainty": certainty
        and [certainty.heatmap_weight, certainty.refiner_weight, certainty.bias],
        "training": {
            "seed": config["seed"],
            "steps": state["step"],
            "views": state["step"] * config["batch"],
            "minutes": round(state["spent"] / 60, 1),
            "before": state.get("before"),
        },
        "files": {p.relative_to(bundle).as_posix(): sha256_of(p.read_bytes()) for p in files},
    }
    text = json.dumps(described, indent=2) + "\n"
    (bundle / CONFIG_NAME).write_text(text, encoding="utf-8")


def _write_models(out: Path, bundle: Path) -> None:
    """Writes the averaged weights as a LiteRT model and as a SavedModel."""
    import tensorflow as tf

    from models.detector.network import ServingDetector, build_network
    from models.litert import convert, freeze

    network = build_network()
    network.load_weights(out / "averaged.weights.h5")
    serving = ServingDetector(network)
    (bundle / "model.tflite").write_bytes(convert(serving.forward, (1, 480, 640, 3)))
    # A SavedModel of the inference graph alone: constants inside, any size, no training state.
    frozen = freeze(serving.forward, (None, None, None, 3))
    signature = [tf.TensorSpec((None, None, None, 3), tf.uint8, name="photos")]

    class Exported(tf.Module):
        @tf.function(input_signature=signature)
        def forward(self, photos: Any) -> Any:
            return frozen(photos)[0]

    exported = Exported()
    tf.saved_model.save(exported, str(bundle / "saved_model"), signatures=exported.forward)


def main() -> None:
    """Parses the command line and exports."""
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
        certainty, threshold = calibrate(options.bundle, read_data(options.data, config)[1])
        state = json.loads((options.out / "state.json").read_text(encoding="utf-8"))
        write_config(options.bundle, config, threshold, state, certainty)
    opened = open_bundle(options.bundle)
    size = sum(p.stat().st_size for p in options.bundle.rglob("*") if p.is_file())
    print(f"{options.bundle}: threshold {opened.threshold}, {size / 1e6:.1f} MB, {opened.sha256}")


if __name__ == "__main__":
    main()
