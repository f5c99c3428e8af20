"""Measures how well a labelled folder of photographs is read, by the command that people use.

    python -m benchmarks.accuracy FOLDER [--misses] [--json] [--readings FILE]

FOLDER holds photographs and one .jsonl of labels, an object a line::

    {"file": "a.jpg", "country": "HK", "plates": [{"box": [x, y, width, height],
     "text": "AG5555" or null, "lines": 1 or 2, "color": "white", "hk": true}]}

Asked for are the Hong Kong plates that a person could read. Marks are compared in the registry's
form. The figures:

- found: asked plates with a report over them (intersection over union of 0.5 or more)
- exact: asked plates whose report (0.3 or more) has the whole mark right
- cer: character error, the edit distance over the characters; an unread plate is all wrong
- wrong: reports on asked plates with another mark, per photograph
- false: reports where there is no Hong Kong plate, per photograph
- precision: exact / (exact + wrong + false)
- foreign: plates of other countries reported as Hong Kong's, per photograph from there

Below them: whether confidences can be believed (benchmarks/reliability.py); there a foreign plate
reported as Hong Kong's counts as wrong. Last, what a photograph costs (benchmarks/stages.py).

Only reports of region "HK" count. "varied" leaves out the photographs whose names begin with
hkb_: one bridge, one day.
"""

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from benchmarks.reliability import Judged, acceptance_table, reliability_table
from benchmarks.stages import measure_stages, sample_evenly
from hkplates.recognition.images.decode import decode
from hkplates.recognition.marks import canonical
from hkplates.recognition.recogniser import open_recogniser
from hkplates.recognition.types import Photo
from hkplates.settings import read_settings

Box = Sequence[float]
Plates = Sequence[Mapping[str, Any]]

MATCH_IOU, FOUND_IOU, TOUCH_IOU = 0.3, 0.5, 0.1  # intersection over union
GROUPS = ("all", "varied", "bridge", "one row", "two rows", "white", "yellow", "other")
FIGURES = ("found", "exact", "cer", "wrong", "false", "precision", "foreign")


@dataclass
class Tally:
    """Counts of one group of plates."""

    asked: int = 0
    found: int = 0
    exact: int = 0
    wrong: int = 0
    edits: int = 0
    characters: int = 0
    false: int = 0
    foreign: int = 0
    photos: set[str] = field(default_factory=set)
    foreign_photos: set[str] = field(default_factory=set)

    def figures(self) -> dict[str, float]:
        """Shares and rates; 0 where there is nothing to divide by."""
        return {
            "found": _ratio(self.found, self.asked),
            "exact": _ratio(self.exact, self.asked),
            "cer": _ratio(self.edits, self.characters),
            "wrong": _ratio(self.wrong, len(self.photos)),
            "false": _ratio(self.false, len(self.photos)),
            "precision": _ratio(self.exact, self.exact + self.wrong + self.false),
            "foreign": _ratio(self.foreign, len(self.foreign_photos)),
        }


@dataclass(frozen=True)
class Miss:
    """An asked plate not read exactly; `read` is None where nothing was reported on it."""

    file: str
    mark: str
    read: str | None


class Measurement(NamedTuple):
    """Tallies by group, what was missed, and every report on a plate asked for or on none."""

    tallies: dict[str, Tally]
    misses: list[Miss]
    judged: list[Judged]


def measure(labels: Iterable[Mapping[str, Any]], readings: Mapping[str, Plates]) -> Measurement:
    """Scores the readings. `readings` are plates by the photograph's name."""
    measured = Measurement(defaultdict(Tally), [], [])
    for label in labels:
        name = Path(label["file"]).name
        reports = [p for p in readings.get(name, ()) if p.get("region", "HK") == "HK"]
        measured.tallies["all"].photos.add(name)
        answers = {id(report) for report in _judge_asked(label, name, reports, measured)}
        others = [p for p in reports if id(p) not in answers and canonical(p["mark"])]
        measured.judged.extend(_judge_others(label, name, others, measured.tallies["all"]))
    return measured


def _judge_asked(
    label: Mapping[str, Any],
    name: str,
    reports: Plates,
    measured: Measurement,
) -> Iterator[Mapping[str, Any]]:
    """Count the plates asked for; gives each report that answers one."""
    for plate in label["plates"]:
        if not (plate.get("hk") and plate.get("text")):
            continue
        truth = canonical(plate["text"])
        report = max(reports, key=lambda r: box_iou(r["box"], plate["box"]), default=None)
        shared = box_iou(report["box"], plate["box"]) if report else 0.0
        if shared < MATCH_IOU:
            report = None
        read = canonical(report["mark"]) if report else ""
        for group in _groups(name, plate):
            _count(measured.tallies[group], name, truth, read, well_placed=shared >= FOUND_IOU)
        if read != truth:
            measured.misses.append(Miss(name, truth, read if report else None))
        if report and read:
            measured.judged.append(Judged(report.get("confidence", 0.0), read == truth))
        if report:
            yield report


def _count(tally: Tally, name: str, truth: str, read: str, *, well_placed: bool) -> None:
    tally.photos.add(name)
    tally.asked += 1
    tally.found += well_placed
    tally.exact += read == truth
    tally.wrong += bool(read) and read != truth
    tally.edits += min(Levenshtein.distance(read, truth), len(truth))
    tally.characters += len(truth)


def _judge_others(
    label: Mapping[str, Any], name: str, reports: Plates, tally: Tally
) -> Iterator[Judged]:
    """Count reports that answer nothing asked: false ones, and foreign plates taken for ours."""
    abroad = label["country"] != "HK"
    if abroad:
        tally.foreign_photos.add(name)
    for report in reports:
        touched = [p for p in label["plates"] if box_iou(report["box"], p["box"]) >= TOUCH_IOU]
        false = not (touched if abroad else any(plate.get("hk") for plate in touched))
        tally.false += false
        tally.foreign += abroad and not false
        if false or abroad:
            yield Judged(report.get("confidence", 0.0), False)


def _groups(name: str, plate: Mapping[str, Any]) -> tuple[str, ...]:
    place = "bridge" if name.startswith("hkb_") else "varied"
    rows = "two rows" if plate.get("lines") == 2 else "one row"
    return ("all", place, rows, plate.get("color", "other"))


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes [x, y, width, height]."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (one[2] * one[3] + other[2] * other[3] - wide * high)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def read_folder(folder: Path, files: Iterable[str]) -> list[str]:
    """The lines that `hkplates read --json` prints for photographs of a folder.

    Raises:
        SystemExit: the command failed for another reason than a photograph that cannot be read.
    """
    photographs = [str(folder / name) for name in files]
    command = [sys.executable, "-m", "cli.main", "read", "--json", "--", *photographs]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(done.returncode or 1)
    return done.stdout.splitlines()


def table(tallies: Mapping[str, Tally]) -> str:
    """The figures for a person."""
    lines = [f"{'':10}{'asked':>6}" + "".join(f"{name:>11}" for name in FIGURES)]
    for group in GROUPS:
        if group in tallies:
            figures = tallies[group].figures()
            # What answers no plate asked for belongs to no group but all.
            shown = FIGURES if group == "all" else [n for n in FIGURES if n != "foreign"]
            cells = "".join(f"{figures[name]:11.3f}" for name in shown)
            lines.append(f"{group:10}{tallies[group].asked:6d}{cells}")
    return "\n".join(lines)


def main() -> None:
    """Read, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true", help="list what was not read exactly")
    parser.add_argument("--json", action="store_true", help="print one object, not a table")
    parser.add_argument("--readings", type=Path, help="keep what the command printed in this file")
    options = parser.parse_args()
    labels = read_labels(options.folder)
    lines = read_folder(options.folder, [label["file"] for label in labels])
    if options.readings:
        options.readings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    printed = [json.loads(line) for line in lines]
    readings = {Path(p["image"]).name: p["plates"] for p in printed}
    tallies, misses, judged = measure(labels, readings)
    if options.json:
        print(json.dumps({group: tally.figures() for group, tally in tallies.items()}))
        return
    if options.misses:
        for miss in misses:
            print(f"{miss.file}: {miss.mark} read as {miss.read or 'nothing'}")
    print(
        table(tallies),
        reliability_table(judged),
        acceptance_table(judged, tallies["all"].asked),
        sep="\n\n",
    )
    unread = sum(photo["error"] is not None for photo in printed)
    print(f"\n{len(printed)} photographs, {unread} of them could not be read")
    readable = [options.folder / label["file"] for label in labels]
    print(
        _cost([path for path, photo in zip(readable, printed, strict=True) if not photo["error"]])
    )


def _cost(files: Sequence[Path]) -> str:
    """Measures the photographs' cost with the settings that `hkplates read` just had."""
    settings = read_settings()
    recogniser = open_recogniser(
        settings.models, settings.runtime, settings.detector_threshold, settings.reader
    )

    def pixels(data: bytes) -> Photo:
        return decode(data, max_pixels=settings.max_image_pixels).pixels

    return measure_stages(sample_evenly(files), pixels, recogniser).in_words()


def read_labels(folder: Path) -> list[dict[str, Any]]:
    """The labels of a folder: its one .jsonl, or the one of its own name.

    Raises:
        SystemExit: there is none, or which is meant is not clear.
    """
    named = folder / f"{folder.resolve().name}.jsonl"
    found = [named] if named.is_file() else sorted(folder.glob("*.jsonl"))
    if len(found) != 1:
        sys.exit(f"Expected one .jsonl of labels in {folder}, found {len(found)}")
    return [json.loads(line) for line in found[0].read_text("utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    main()
