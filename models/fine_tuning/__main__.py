"""Fine-tunes detector, refiner and reader on your own labels, and measures before and after.

    python -m models.fine_tuning DATA [--base DATA] [--out FOLDER] [--minutes N] [--models FOLDER]

DATA is what `python -m models.labels import` wrote: train/ to learn from, dev/ held back. Each
network begins with the weights of the shipped bundle (--models). With --base, a data folder of the
project, its photographs are learned from as well, so that what the networks know is not forgotten,
and scores are calibrated on those of both that are held back from training; without it the shipped
calibration stays. The reader's decoder stays.

The new bundles are written into OUT/models, never over the shipped ones: HKPLATES_MODELS=OUT/models
has hkplates use them. Stopped, the same command goes on.
"""

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hkplates.recognition.bundles.bundle import CONFIG
from models.fine_tuning.data import Prepared, prepare, read_rows
from models.labels.arguments import folder_name

PROJECT = Path(__file__).parents[2]
SHIPPED = PROJECT / "models"
PARTS = ("detector", "refiner", "reader")
SHARES = {"detector": 0.45, "refiner": 0.25, "reader": 0.3}  # of the minutes
TRAINED = ("files", "training", "refiner")  # of a bundle's config; the rest is calibration and form
NEEDED = ("tensorflow", "yaml", "rapidfuzz")  # by the trainings, which are processes of their own
DETECTOR_CONFIG = SHIPPED / "detector" / "config.yaml"
READER_CONFIG = SHIPPED / "reader" / "finetune.yaml"
REFINER_CONFIG = SHIPPED / "refiner" / "config.yaml"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained from what, where to, and for how long.

    `configs` are the trainings' settings, by part.
    """

    out: Path
    shipped: Path
    has_base: bool
    minutes: float
    configs: dict[str, Path]

    @property
    def models(self) -> Path:
        """Returns the folder of the new bundles."""
        return self.out / "models"

    def bundle(self, name: str) -> Path:
        """Returns a new bundle's folder."""
        return self.models / name / "bundle"

    def training(self, part: str) -> Path:
        """Returns the folder of a part's training."""
        return self.out / "training" / part

    def share(self, part: str) -> str:
        """Returns the minutes of a part."""
        return str(round(self.minutes * SHARES[part], 3))


def train_detector(plan: Plan, data: Prepared) -> None:
    """Trains the detector from the shipped one's weights, and exports it."""
    start, config = plan.shipped / "detector" / "bundle", plan.configs["detector"]
    common = ("--out", plan.training("detector"), "--config", config, "--data", data.find)
    _run("models.detector.train", *common, "--start", start, "--minutes", plan.share("detector"))
    bundle = plan.bundle("detector")
    _run("models.detector.export", *common, "--bundle", bundle)
    # The refiner stays, too, until one is trained for the new detector.
    _carry_over(start, bundle)


def train_refiner(plan: Plan, data: Prepared) -> None:
    """Trains the refiner on the new detector's proposals, and exports it into its bundle."""
    bundle, start = plan.bundle("detector"), plan.shipped / "detector" / "bundle"
    common = ("--data", data.find, "--out", plan.training("refiner"))
    config = ("--config", plan.configs["refiner"])
    begin = ("--detector", bundle, "--start", start, "--minutes", plan.share("refiner"))
    _run("models.refiner.train", *common, *config, *begin)
    _run("models.refiner.export", *common, *config, "--bundle", bundle)


def train_reader(plan: Plan, data: Prepared) -> None:
    """Trains the reader from the shipped one's weights, and exports it with its decoder."""
    start = plan.shipped / "reader" / "bundle"
    common = ("--data", data.read, "--folder", plan.training("reader"))
    config = ("--config", plan.configs["reader"])
    _run("models.reader.train", *common, *config, "--start", start,
         "--minutes", plan.share("reader"))  # fmt: skip
    bundle = plan.bundle("reader")
    _run("models.reader.export", *common, *config, "--bundle", bundle, "--decoder", start)
    _carry_over(start, bundle)


TRAIN: dict[str, Callable[[Plan, Prepared], None]] = {
    "detector": train_detector,
    "refiner": train_refiner,
    "reader": train_reader,
}


def fine_tune(plan: Plan, data: Prepared, parts: Sequence[str]) -> None:
    """Trains the parts one after the other, and calibrates what they say together."""
    for source in sorted(plan.shipped.glob("*/bundle")):
        target = plan.bundle(source.parent.name)
        if not target.exists():
            _copy_whole(source, target)
    for part in parts:
        print(f"== {part}", flush=True)
        TRAIN[part](plan, data)
    detector = plan.bundle("detector")
    if plan.has_base:
        _run("models.score_fusion", "--data", data.find, "--bundle", detector,
             "--reader", plan.bundle("reader"), "--config", plan.configs["detector"])  # fmt: skip
    else:
        _keep_calibration(plan.shipped / "detector" / "bundle", detector)


def _copy_whole(source: Path, target: Path) -> None:
    """Copies a folder; stopped amid it leaves none at `target`, so that the next call copies it."""
    part = target.with_name(f"{target.name}.part")
    if part.exists():
        shutil.rmtree(part)
    shutil.copytree(source, part)
    part.rename(target)


def _keep_calibration(shipped: Path, bundle: Path) -> None:
    """Takes over thresholds and calibration: too few photographs are held back to fit them."""
    now = _config(bundle)
    trained = {name: now[name] for name in TRAINED if name in now}
    _write_config(bundle, {**_config(shipped), **trained})


def _carry_over(shipped: Path, bundle: Path) -> None:
    """Takes over what an export leaves out: files of other networks, and their settings."""
    told, now = _config(shipped), _config(bundle)
    absent = {name: told["files"][name] for name in told["files"] if name not in now["files"]}
    for name in absent:
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shipped / name, bundle / name)
    _write_config(bundle, {**told, **now, "files": {**now["files"], **absent}})


def _config(bundle: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((bundle / CONFIG).read_text(encoding="utf-8"))
    return config


def _write_config(bundle: Path, config: dict[str, Any]) -> None:
    text = json.dumps(config, indent=2) + "\n"
    (bundle / CONFIG).write_text(text, encoding="utf-8")


def _run(module: str, *arguments: object) -> None:
    """Runs a module in a process of its own: trainings fork before they load TensorFlow."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    status = subprocess.run(command, cwd=PROJECT, check=False).returncode
    if status:
        raise SystemExit(f"{module} ended with {status}; what it said stands above.")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(
        prog="python -m models.fine_tuning",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_argument("data", type=folder_name, help="folder that `models.labels import` wrote")
    cli.add_argument(
        "--base", type=folder_name, help="data folder of the project, to learn from as well"
    )
    cli.add_argument("--out", type=folder_name, help="default: DATA/fine-tuned")
    cli.add_argument("--models", type=Path, default=SHIPPED, help="bundles to begin with")
    cli.add_argument("--minutes", type=float, default=60.0, help="of all trainings together")
    cli.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    for part, default in (("detector", DETECTOR_CONFIG), ("refiner", REFINER_CONFIG),
                          ("reader", READER_CONFIG)):  # fmt: skip
        cli.add_argument(f"--{part}-config", type=Path, default=default)
    return cli.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, trains, and prints before and after."""
    given = _parse(arguments)
    if absent := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise SystemExit(
            f"Training needs what is not installed ({', '.join(absent)}): use make fine-tune, or "
            "pip install '.[local,tensorflow]'"
        )
    out = (given.out or given.data / "fine-tuned").resolve()
    configs = {part: getattr(given, f"{part}_config") for part in PARTS}
    plan = Plan(out, given.models.resolve(), bool(given.base), given.minutes, configs)
    try:
        held = read_rows(given.data / "dev")
        data = prepare(given.data, given.base, plan.shipped / "detector" / "bundle", out / "data")
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None
    if not held:
        print(
            f"{given.data / 'dev'} holds nothing: before and after will tell nothing.", flush=True
        )
    print(
        f"{data.photos} photographs with {data.plates} Hong Kong plates; the reader learns from "
        f"{data.readable} of them ({data.refined} with corners that the refiner found)",
        flush=True,
    )
    parts = [
        p for p in PARTS if p in given.parts and (data.readable if p == "reader" else data.plates)
    ]
    fine_tune(plan, data, parts)
    print("== before and after, on the photographs held back", flush=True)
    _run("benchmarks.before_and_after", (given.data / "dev").resolve(),
         "--before", plan.shipped, "--after", plan.models)  # fmt: skip
    print(f"To use it: export HKPLATES_MODELS={plan.models} (also for workers)")


if __name__ == "__main__":
    main()
