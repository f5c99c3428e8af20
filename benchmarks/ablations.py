"""What each part of the recogniser is worth: the figures with it left out, one at a time.

    python -m benchmarks.ablations FOLDER [--drawn BUNDLE] [--sharp BUNDLE]

FOLDER is labelled as benchmarks/accuracy.py says, whose figures these are. Each row is a copy of the
shipped bundles with something changed in its config.json, so that what is measured is what hkplates
would do with such bundles. `--drawn` is the folder of the reader's first training, which saw no
photograph of a Hong Kong plate (.train/reader), `--sharp` that of a second training without blur::

    python -m models.reader.train --data DATA --start .train/reader --folder .train/reader-sharp
        --config models/reader/sharp.yaml
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.accuracy import measure, read_labels
from hkplates.recognition.bundle import CONFIG, REFINER
from hkplates.recognition.images import decode
from hkplates.recognition.recogniser import Recogniser, open_recogniser
from hkplates.settings import read_settings
from producer.reading import plate_fields

Config = dict[str, Any]
WARMTH = 0.45  # threshold of a detector that is alone: as chosen before it had a refiner
SHOWN = ("found", "exact", "wrong", "false", "precision", "foreign")


def _same(config: Config) -> None:
    """Leave it as it is."""


def _without_refiner(config: Config) -> None:
    del config["files"][REFINER]
    config["certainty"], config["threshold"] = None, WARMTH


def _one_look(config: Config) -> None:
    config["decoder"]["sure"] = 0.0


def _without_prior(config: Config) -> None:
    config["decoder"]["prior"] = {}


def _slots_alone(config: Config) -> None:
    config["decoder"]["slot_share"] = 1.0


def _steps_alone(config: Config) -> None:
    config["decoder"]["slot_share"] = 0.0


@dataclass(frozen=True, slots=True)
class Variant:
    """What is left out, and how the configs of the two bundles say so."""

    name: str
    detector: Callable[[Config], None] = _same
    reader: Callable[[Config], None] = _same
    weights: Path | None = None
    """The reader's bundle, if not the shipped one."""


VARIANTS = (
    Variant("as shipped"),
    Variant("no refiner", detector=_without_refiner),
    Variant("one look, no vote", reader=_one_look),
    Variant("no prior of series", reader=_without_prior),
    Variant("the slot head alone", reader=_slots_alone),
    Variant("the CTC head alone", reader=_steps_alone),
)


def variants(drawn: Path | None, sharp: Path | None) -> Iterator[Variant]:
    """All that can be measured with what is given."""
    yield from VARIANTS
    if drawn:
        yield Variant("no real crops", weights=drawn)
    if sharp:
        yield Variant("no blur", weights=sharp)


def build(variant: Variant, shipped: Path, folder: Path) -> Recogniser:
    """The recogniser of a variant, its bundles written into `folder`."""
    shutil.copytree(shipped / "detector" / "bundle", folder / "detector" / "bundle")
    weights = variant.weights or shipped / "reader" / "bundle"
    shutil.copytree(weights, folder / "reader" / "bundle")
    for name, change in (("detector", variant.detector), ("reader", variant.reader)):
        path = folder / name / "bundle" / CONFIG
        config = json.loads(path.read_text(encoding="utf-8"))
        change(config)
        path.write_text(json.dumps(config), encoding="utf-8")
    return open_recogniser(folder, "litert", None, "neural")


def figures(
    recogniser: Recogniser, folder: Path, labels: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """What the recogniser makes of the folder."""
    readings = {}
    for label in labels:
        data = (folder / label["file"]).read_bytes()
        photo = decode(data, max_pixels=read_settings().max_image_pixels).pixels
        (plates,) = recogniser.recognise([photo])
        readings[Path(label["file"]).name] = [plate_fields(plate) for plate in plates]
    return measure(labels, readings).tallies["all"].figures()


def main() -> None:
    """Measure and print."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("folder", type=Path)
    cli.add_argument("--drawn", type=Path, help="bundle of a reader without real crops")
    cli.add_argument("--sharp", type=Path, help="bundle of a reader without blur")
    given = cli.parse_args()
    labels, shipped = read_labels(given.folder), read_settings().models
    print(f"{'':22}" + "".join(f"{name:>11}" for name in SHOWN))
    for variant in variants(given.drawn, given.sharp):
        with tempfile.TemporaryDirectory() as folder:
            seen = figures(build(variant, shipped, Path(folder)), given.folder, labels)
        print(f"{variant.name:22}" + "".join(f"{seen[name]:11.3f}" for name in SHOWN), flush=True)


if __name__ == "__main__":
    main()
