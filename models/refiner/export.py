"""Put a trained refiner into the detector's bundle, and calibrate the scores of both together.

    python -m models.refiner.export --data FOLDER [--out FOLDER] [--bundle FOLDER] [--share S]

Of a training that began with a bundle's weights, `--share` below 1 averages the new weights with
those: a training for new kinds of plates forgets some of the old ones, and between both lie weights
that know both. The calibration and the threshold of the bundle are fitted anew on the photographs
held back from both trainings.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hkplates.recognition.bundles.bundle import CONFIG as CONFIG_NAME
from hkplates.recognition.bundles.bundle import REFINER, open_bundle, sha256_of
from hkplates.recognition.detection.refiner import CLASSES, HEIGHT, WIDTH
from models.detector.calibrate import calibrate
from models.detector.dataset import read_data
from models.detector.evaluate import BUNDLE
from models.detector.train import read_config
from models.litert import convert
from models.refiner.network import ServingRefiner, build_network
from models.refiner.train import CONFIG, START


def export(out: Path, bundle: Path, config: dict[str, Any], share: float = 1.0) -> None:
    """Writes the averaged weights in `out` into the bundle, and names them in its config.

    `share` is that of the new weights; the rest are those that the training began with.
    """
    network = build_network()
    network.load_weights(out / "averaged.weights.h5")
    if share < 1:
        _average_with_start(network, out, share)
    converted = convert(ServingRefiner(network).forward, (1, HEIGHT, WIDTH, 3))
    state = json.loads((out / "state.json").read_text(encoding="utf-8"))
    described = {
        "input": "uint8 (1, height, width, 3) RGB: a plate cut out along its corners; all scaling "
        "is inside",
        "output": "float32 (1, 11): x, y of how far each corner is off in pixels of the input, "
        "logits of each kind",
        "kinds": list(CLASSES),
        "seed": config["seed"],
        "samples": state["step"] * config["batch"],
        "minutes": round(state["seconds"] / 60, 1),
        "share": share,
        "before": state.get("before"),
    }
    (bundle / REFINER).write_bytes(converted)
    _update_config(bundle, {"refiner": described, "score_fusion": None})


def _average_with_start(network: Any, out: Path, share: float) -> None:
    """Averages the network's weights with those that the training began with."""
    start = build_network()
    start.load_weights(out / START)
    pairs = zip(start.get_weights(), network.get_weights(), strict=True)
    network.set_weights([(1 - share) * old + share * new for old, new in pairs])


def _update_config(bundle: Path, values: dict[str, Any]) -> None:
    """Updates config.json, and writes the hash of the refiner into it."""
    path = bundle / CONFIG_NAME
    updated = {**json.loads(path.read_text(encoding="utf-8")), **values}
    updated["files"][REFINER] = sha256_of((bundle / REFINER).read_bytes())
    path.write_text(json.dumps(updated, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line and exports."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--out", type=Path, default=Path(".train/refiner"))
    cli.add_argument("--bundle", type=Path, default=BUNDLE, help="of the detector")
    cli.add_argument("--config", type=Path, default=CONFIG, help="that the training used")
    cli.add_argument("--share", type=float, default=1.0, help="of the new weights, 0 to 1")
    options = cli.parse_args(arguments)
    if not 0 <= options.share <= 1:
        cli.error(f"expected --share from 0 to 1, got {options.share}")
    config = read_config(options.config)
    export(options.out, options.bundle, config, options.share)
    certainty, threshold = calibrate(options.bundle, read_data(options.data, config)[1])
    weights = [certainty.heatmap_weight, certainty.refiner_weight, certainty.bias]
    _update_config(options.bundle, {"certainty": weights, "threshold": threshold})
    opened = open_bundle(options.bundle)
    print(f"{options.bundle}: certainty {weights}, threshold {threshold}, {opened.sha256}")
    print("Next: python -m models.score_fusion, once there is a reader")


if __name__ == "__main__":
    main()
