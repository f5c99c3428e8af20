"""Measures each part of the recogniser by the figures with that part left out.

    python -m benchmarks.ablations FOLDER [--drawn TRAINING] [--sharp TRAINING]

FOLDER is labelled as benchmarks/accuracy.py says, whose figures these are. Each row is a copy of
the shipped bundles with something changed in its config.json, so that what is measured is what
hkplates would do with such bundles. `--drawn` is the folder of the reader's first training, which
saw no photograph of a Hong Kong plate (.train/reader), `--sharp` that of one without blur::

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
from cli.sightings.read import plate_fields
from hkplates.recognition.bundles.bundle import CONFIG, REFINER, sha256_of
from hkplates.recognition.images.decode import decode
from hkplates.recognition.recogniser import Recogniser, open_recogniser
from hkplates.settings import read_settings

Config = dict[str, Any]
# As chosen before the detector had a refiner.
DETECTOR_ONLY_THRESHOLD = 0.45
COLUMNS = ("found", "exact", "wrong", "false", "precision", "foreign")


def _same(config: Config) -> None:
    """Leave it as it is."""


def _without_refiner(config: Config) -> None:
    del config["files"][REFINER]
    config["certainty"], config["score_fusion"] = None, None
    config["threshold"] = DETECTOR_ONLY_THRESHOLD


def _without_score_fusion(config: Config) -> None:
    config["score_fusion"] = None


def _without_tta(config: Config) -> None:
    config["decoder"]["sure"] = 0.0


def _without_prior(config: Config) -> None:
    config["decoder"]["prior"] = {}


def _slot_head_alone(config: Config) -> None:
    config["decoder"]["slot_share"] = 1.0


def _ctc_head_alone(config: Config) -> None:
    config["decoder"]["slot_share"] = 0.0


@dataclass(frozen=True, slots=True)
class Variant:
    """A part that is left out, and how the configs of the two bundles say so."""

    name: str
    detector: Callable[[Config], None] = _same
    reader: Callable[[Config], None] = _same
    training: Path | None = None
    """That of the reader's weights, if not the shipped ones; the decoder stays."""


VARIANTS = (
    Variant("as shipped"),
    Variant("no refiner", detector=_without_refiner),
    Variant("what is read is no evidence", detector=_without_score_fusion),
    Variant("one look, no vote", reader=_without_tta),
    Variant("no prior of series", reader=_without_prior),
    Variant("the slot head alone", reader=_slot_head_alone),
    Variant("the CTC head alone", reader=_ctc_head_alone),
)


def variants(drawn: Path | None, sharp: Path | None) -> Iterator[Variant]:
    """All that can be measured with what is given."""
    yield from VARIANTS
    if drawn:
        yield Variant("no real crops", training=drawn)
    if sharp:
        yield Variant("no blur", training=sharp)


def build(variant: Variant, shipped: Path, folder: Path) -> Recogniser:
    """The recogniser of a variant, its bundles written into `folder`."""
    shutil.copytree(shipped / "detector" / "bundle", folder / "detector" / "bundle")
    shutil.copytree(shipped / "reader" / "bundle", folder / "reader" / "bundle")
    if variant.training:
        _replace_weights(folder / "reader" / "bundle", variant.training)
    for name, change in (("detector", variant.detector), ("reader", variant.reader)):
        path = folder / name / "bundle" / CONFIG
        config = json.loads(path.read_text(encoding="utf-8"))
        change(config)
        path.write_text(json.dumps(config), encoding="utf-8")
    return open_recogniser(folder, "litert", None, "neural")


def _replace_weights(bundle: Path, training: Path) -> None:
    from models.reader.export import convert_training  # only here: it needs TensorFlow

    weights = convert_training(training)
    (bundle / "model.tflite").write_bytes(weights)
    config = json.loads((bundle / CONFIG).read_text(encoding="utf-8"))
    config["files"]["model.tflite"] = sha256_of(weights)
    (bundle / CONFIG).write_text(json.dumps(config), encoding="utf-8")


def figures(
    recogniser: Recogniser, folder: Path, labels: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
    """Returns the recogniser's figures on the folder."""
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
    cli.add_argument("--drawn", type=Path, help="folder of a training without real crops")
    cli.add_argument("--sharp", type=Path, help="folder of a training without blur")
    given = cli.parse_args()
    labels, shipped = read_labels(given.folder), read_settings().models
    print(f"{'':22}" + "".join(f"{name:>11}" for name in COLUMNS))
    for variant in variants(given.drawn, given.sharp):
        with tempfile.TemporaryDirectory() as folder:
            seen = figures(build(variant, shipped, Path(folder)), given.folder, labels)
        print(f"{variant.name:22}" + "".join(f"{seen[name]:11.3f}" for name in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
