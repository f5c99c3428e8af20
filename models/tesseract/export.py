"""Exports a training, finished or not, as the bundle that hkplates reads with.

    python -m models.tesseract.export --data DATA [--folder FOLDER] [--bundle FOLDER]

The weights of votes and the confidence are fitted on plates of train/ held out from the training,
and on synthetic ones.
"""

import argparse
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import yaml

from hkplates.recognition.reading.tesseract.bundle import FORMAT, LANGUAGE
from models.ensemble import UNFITTED_AGREEMENT
from models.reader.export import write_config
from models.reader.photo_crops import HeldOut
from models.tesseract import calibrate
from models.tesseract.evaluate import BUNDLE
from models.tesseract.train import CONFIG, read_log
from models.tesseract.traineddata import run_checked

HOCR = "tessedit_create_hocr 1\nhocr_font_info 0\n"


def export(folder: Path, bundle: Path, checkpoint: Path | None = None) -> dict[str, Any]:
    """Writes data and config, with weights that are not yet fitted; returns the config."""
    shutil.rmtree(bundle, ignore_errors=True)
    (bundle / "configs").mkdir(parents=True)
    (bundle / "configs" / "hocr").write_text(HOCR, encoding="utf-8")
    lines = read_log(folder)
    start = folder / "language" / LANGUAGE / f"{LANGUAGE}.traineddata"
    network = checkpoint or folder / f"phase{lines[-1]['phase']}_checkpoint"
    run_checked("lstmtraining", "--stop_training", "--convert_to_int", "--continue_from", network,
         "--traineddata", start, "--model_output", bundle / f"{LANGUAGE}.traineddata")  # fmt: skip
    described = {
        "format": FORMAT,
        "input": "lines of hkplates.recognition.reading.tesseract.lines, 36 px high, --psm 13",
        "weights": dataclasses.asdict(calibrate.UNFITTED_WEIGHTS),
        "agreement": dataclasses.asdict(UNFITTED_AGREEMENT),
        "training": {**lines[-1], "minutes": round(sum(line["minutes"] for line in lines), 1)},
    }
    write_config(bundle, described)
    return described


def main() -> None:
    """Parses the command line, exports and fits the weights."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True)
    cli.add_argument("--folder", type=Path, default=Path(".train/tesseract"))
    cli.add_argument("--bundle", type=Path, default=BUNDLE)
    cli.add_argument("--checkpoint", type=Path, help="another than the newest")
    cli.add_argument("--config", type=Path, default=CONFIG, help="that the training used")
    cli.add_argument("--fonts", type=Path, action="append", help="further typeface folders")
    cli.add_argument(
        "--drawn", type=int, default=calibrate.SYNTHETIC_PLATES, help="plates to calibrate on"
    )
    given = cli.parse_args()
    cv2.setNumThreads(1)
    config = yaml.safe_load(given.config.read_text(encoding="utf-8"))
    described = export(given.folder, given.bundle, given.checkpoint)
    fonts = given.fonts or [given.data / "fonts"]
    fitted = calibrate.fit(
        given.bundle, given.data, HeldOut(*config["held_out"]), fonts, given.drawn
    )
    described["weights"] = dataclasses.asdict(fitted.weights)
    described["fitted_on"] = {"crops": fitted.crops, "right": fitted.accuracy}
    write_config(given.bundle, described)
    print(json.dumps(described))


if __name__ == "__main__":
    main()
