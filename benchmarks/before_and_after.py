"""Measures two folders of models on the same labelled photographs.

    python -m benchmarks.before_and_after FOLDER --before MODELS --after MODELS [--json]

A folder of models is what HKPLATES_MODELS names. The figures are those of benchmarks/accuracy.py,
but for `found`: plates whose text nobody told are asked for as well. Reader, runtime and threshold
are those of the settings.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.accuracy import FOUND_IOU, Miss, box_iou, measure, read_labels
from hkplates.recognition.images.decode import decode
from hkplates.recognition.recogniser import open_recogniser
from hkplates.recognition.types import PlateReading
from hkplates.settings import read_settings

Labels = Sequence[Mapping[str, Any]]
SHOWN = ("found", "exact", "wrong", "false", "precision", "foreign")


class Outcome(NamedTuple):
    """The figures of a folder of models, and the plates that were not read exactly."""

    figures: dict[str, float]
    misses: list[Miss]


def measure_models(folder: Path, labels: Labels, models: Path) -> Outcome:
    """Reads the labelled photographs of a folder with the models of another, and scores that."""
    settings = read_settings()
    recogniser = open_recogniser(
        models, settings.runtime, settings.detector_threshold, settings.reader
    )
    readings: dict[str, list[dict[str, Any]]] = {}
    for label in labels:
        data = (folder / label["file"]).read_bytes()
        photo = decode(data, max_pixels=settings.max_image_pixels).pixels
        plates = recogniser.recognise([photo])[0]
        readings[Path(label["file"]).name] = [_report(plate) for plate in plates]
    measured = measure(labels, readings)
    figures = {**measured.tallies["all"].figures(), "found": share_found(labels, readings)}
    return Outcome({name: figures[name] for name in SHOWN}, measured.misses)


def share_found(labels: Labels, readings: Mapping[str, Sequence[Mapping[str, Any]]]) -> float:
    """Returns the share of labelled Hong Kong plates, with or without text, that are reported."""
    asked = [(label["file"], p) for label in labels for p in label["plates"] if p.get("hk")]
    found = [
        any(
            box_iou(report["box"], plate["box"]) >= FOUND_IOU
            for report in readings.get(Path(file).name, ())
            if report["region"] == "HK"
        )
        for file, plate in asked
    ]
    return sum(found) / len(found) if found else 0.0


def comparison(before: Outcome, after: Outcome, labels: Labels) -> str:
    """Returns both as a table, and what is read now that was not, and the other way round."""
    plates = [p for label in labels for p in label["plates"] if p.get("hk")]
    texts = sum(bool(plate.get("text")) for plate in plates)
    lines = [
        f"{len(labels)} photographs, {len(plates)} plates, {texts} with their text",
        f"{'':8}" + "".join(f"{name:>11}" for name in SHOWN),
    ]
    for name, outcome in (("before", before), ("after", after)):
        lines.append(f"{name:8}" + "".join(f"{outcome.figures[one]:11.3f}" for one in SHOWN))
    missed = [
        {(m.file, m.mark): m.read or "nothing" for m in one.misses} for one in (before, after)
    ]
    changes = (("read now", "before", *missed), ("not read any more", "now", *missed[::-1]))
    for title, when, which, other in changes:
        only = sorted(which.keys() - other.keys())
        lines += [f"{title}: {mark} on {file} ({when}: {which[file, mark]})" for file, mark in only]
    return "\n".join(lines)


def _report(plate: PlateReading) -> dict[str, Any]:
    box = plate.quad.bounds()
    return {
        "box": [box.left, box.top, box.width, box.height],
        "mark": plate.mark,
        "region": plate.region,
        "confidence": plate.confidence,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, measures twice and prints."""
    cli = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    cli.add_argument("folder", type=Path)
    cli.add_argument("--before", type=Path, default=read_settings().models)
    cli.add_argument("--after", type=Path, required=True)
    cli.add_argument("--json", action="store_true", help="print one object, not a table")
    given = cli.parse_args(arguments)
    labels = read_labels(given.folder)
    before, after = (
        measure_models(given.folder, labels, models) for models in (given.before, given.after)
    )
    if given.json:
        print(json.dumps({"before": before.figures, "after": after.figures}))
    else:
        print(comparison(before, after, labels))


if __name__ == "__main__":
    main()
