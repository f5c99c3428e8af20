"""Imports labels of your own photographs, written by the tools that people label with.

    python -m models.labels import FOLDER [FOLDER ...] --out FOLDER

A FOLDER holds photographs and labels of one form, in any arrangement: Pascal VOC (LabelImg), CVAT
for images 1.1, Label Studio JSON, YOLO, COCO, or our own, as `hkplates corrections --photos`
writes it. The form is detected, or said by --format. The text of a plate is looked for in
attributes named text, plate, number, ocr, transcription and the like; in Pascal VOC an object may
be named by its mark. Colour and rows are taken from the picture where nobody told them.

Written are train/ and dev/ (a fifth, held back by vehicle), each with photographs and a .jsonl, to
train and to measure on (make fine-tune DATA=FOLDER); plates.png shows the plates with their texts,
and unused.jsonl says what could not be used and why.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hkplates.recognition.detection.refiner import Refiner
from models.labels.arguments import folder_name
from models.labels.formats import NAMES
from models.labels.importing import Options, import_folders
from models.labels.records import LabelError

REFINER = Path(__file__).parents[1] / "detector" / "bundle" / "refiner.tflite"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(
        prog="python -m models.labels",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = cli.add_subparsers(dest="command", required=True)
    add = commands.add_parser("import", help="turn labelled folders into training data")
    add.add_argument("folders", type=folder_name, nargs="+", metavar="FOLDER")
    add.add_argument("--out", type=folder_name, required=True, help="a new or empty folder")
    add.add_argument("--format", choices=sorted(NAMES), help="detected where not said")
    add.add_argument("--class", dest="classes", action="append", default=[], metavar="NAME",
                     help="a class that is a plate; all others are not")  # fmt: skip
    add.add_argument("--ignore", action="append", default=[], metavar="NAME",
                     help="a class that is no plate")  # fmt: skip
    add.add_argument("--names-are-marks", action=argparse.BooleanOptionalAction,
                     help="objects are named after their marks (Pascal VOC: guessed)")  # fmt: skip
    add.add_argument("--frame", choices=("auto", "upright", "stored"), default="auto",
                     help="what labels of photographs that EXIF turns are about")  # fmt: skip
    add.add_argument("--held-back", type=float, default=0.2, help="share of the photographs")
    add.add_argument("--seed", type=int, default=1, help="of the split")
    given = cli.parse_args(arguments)
    if not 0 < given.held_back < 1:
        cli.error(f"--held-back is {given.held_back}, expected a share between 0 and 1")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Parses the command line and imports; returns the exit status."""
    given = _parse(arguments)
    options = Options(
        form=given.format,
        chosen=frozenset(name.casefold() for name in given.classes),
        ignored=frozenset(name.casefold() for name in given.ignore),
        names_are_marks=given.names_are_marks,
        frame=given.frame,
        held_back=given.held_back,
        seed=given.seed,
        refiner=Refiner(REFINER) if REFINER.is_file() else None,
    )
    try:
        report = import_folders(given.folders, given.out, options)
    except LabelError as error:
        print(error, file=sys.stderr)
        return 1
    print(report.in_words())
    print(f"Look at {given.out / 'plates.png'}; then: make fine-tune DATA={given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
