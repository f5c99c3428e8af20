"""Imports labelled folders into the form that training reads, and tells what was not used."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hkplates.recognition.detection.refiner import Refiner
from models.labels.formats import NAMES, read_labels
from models.labels.output import (
    Imported,
    caption,
    crop,
    write_photo,
    write_sides,
    write_unused,
)
from models.labels.photos import (
    Frame,
    FrameChoice,
    OpenedPhoto,
    PhotoIndex,
    frame_of,
    open_photo,
    to_upright,
)
from models.labels.plates import (
    NOT_WHITE_OR_YELLOW,
    Classes,
    MarkNames,
    Plate,
    names_are_marks,
    plate_of,
    with_mark,
)
from models.labels.records import AnnotatedPhoto, LabelError, Reason, Unusable
from models.labels.report import Report
from models.labels.sheet import write_sheet

NO_CLASS = "(no class)"


@dataclass(frozen=True, slots=True)
class Options:
    """How folders are imported. `form` is one of formats.NAMES, or None to detect it.

    `refiner` helps to guess rows and colours of plates that are labelled by a box.
    """

    form: str | None = None
    chosen: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    names_are_marks: bool | None = None
    frame: FrameChoice = "auto"
    held_back: float = 0.2
    seed: int = 1
    refiner: Refiner | None = None


def import_folders(folders: Sequence[Path], out: Path, options: Options) -> Report:
    """Imports the labels of folders into `out`: train/ and dev/, each with a .jsonl of its name.

    Beside them lie plates.png, a contact sheet, and unused.jsonl, all that was not used. Of a
    photograph that is labelled twice the later folder's labels count.

    Raises:
        LabelError: `out` holds something, a folder has no labels, or none of them can be used.
    """
    if out.exists() and any(out.iterdir()):
        raise LabelError(f"{out} is not empty: name another folder.")
    if within := [f for f in folders if out.resolve().is_relative_to(f.resolve())]:
        raise LabelError(f"{out} lies in {within[0]}, whose photographs it would add to.")
    report = Report()
    photos = out / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    try:
        used = _import_all(folders, photos, options, report)
    except LabelError:
        shutil.rmtree(photos)
        raise
    rows = [one.row for one in used]
    report.sides = write_sides(out, rows, options.held_back, options.seed)
    write_unused(out / "unused.jsonl", report)
    write_sheet(out / "plates.png", [shown for one in used for shown in one.crops])
    return report


def _import_all(
    folders: Sequence[Path], photos: Path, options: Options, report: Report
) -> list[Imported]:
    """Imports folders one after the other, with their photographs into `photos`.

    Raises:
        LabelError: a folder has no labels, or no plate of any can be used.
    """
    used: dict[str, Imported] = {}
    for folder in folders:
        for one in _import_folder(folder, photos, options, report):
            before = used.pop(one.digest, None)
            if before is not None:
                report.drop(Unusable(Reason.DUPLICATE, before.row["source"]))
                if before.row["file"] != one.row["file"]:
                    (photos / before.row["file"]).unlink()
            used[one.digest] = one
    if not any(one.row["plates"] for one in used.values()):
        raise LabelError(f"{report.in_words()}\nNo plate could be used.")
    return sorted(used.values(), key=lambda one: str(one.row["file"]))


def _import_folder(folder: Path, out: Path, options: Options, report: Report) -> Iterator[Imported]:
    """Imports one folder."""
    if not folder.is_dir():
        raise LabelError(f"{folder} is no folder. Unpack an archive first, and name its folder.")
    form, records = read_labels(folder, options.form)
    photos: list[AnnotatedPhoto] = []
    for record in records:
        if isinstance(record, Unusable):
            report.drop(record)
        else:
            photos.append(record)
    report.forms.append(f"{folder}: {NAMES[form]}, {len(photos)} photographs labelled")
    classes = _classes(photos, form, options)
    index = PhotoIndex(folder)
    by_path = _by_path(photos, index, report)
    for path, record in sorted(by_path.items()):
        try:
            yield _import_photo(record, open_photo(path), classes, out, options, report)
        except Unusable as unusable:
            report.drop(unusable)
    for path in sorted(index.all - by_path.keys()):
        report.drop(Unusable(Reason.UNLABELLED, str(path.relative_to(folder.resolve()))))


def _by_path(
    photos: Sequence[AnnotatedPhoto], index: PhotoIndex, report: Report
) -> dict[Path, AnnotatedPhoto]:
    """Finds the photographs. Of labels of one photograph the last that name an object count.

    COCO exports come with further files that list the photographs and label nothing.
    """
    by_path: dict[Path, AnnotatedPhoto] = {}
    for record in photos:
        try:
            path = index.find(record)
        except Unusable as unusable:
            report.drop(unusable)
            continue
        before = by_path.get(path)
        if before is None or record.shapes:
            by_path[path] = record
        if before is not None and before.shapes and record.shapes:
            report.drop(Unusable(Reason.DUPLICATE, f"{before.label.name} {path.name}"))
    return by_path


def _classes(photos: Sequence[AnnotatedPhoto], form: str, options: Options) -> Classes:
    """Decides which classes are plates.

    Raises:
        LabelError: none is.
    """
    mark_names: MarkNames = "all" if options.names_are_marks else "none"
    if options.names_are_marks is None and form == "voc" and names_are_marks(photos):
        mark_names = "likely"
    classes = Classes(options.chosen, options.ignored, mark_names)
    counts = Counter(shape.name for photo in photos for shape in photo.shapes)
    kinds = {name: classes.kind(name) for name in counts}
    if counts and not {"plate", "mark"} & set(kinds.values()):
        told = ", ".join(f"{name or NO_CLASS} ({count})" for name, count in counts.most_common(12))
        raise LabelError(
            f"No class names a plate. Classes are: {told}. Say which are plates: --class NAME "
            '(--class "" for objects without a class), or --names-are-marks where objects are '
            "named after their marks."
        )
    return classes


def _import_photo(
    record: AnnotatedPhoto,
    photo: OpenedPhoto,
    classes: Classes,
    out: Path,
    options: Options,
    report: Report,
) -> Imported:
    """Writes a photograph that is used.

    A photograph of which one plate cannot be used is not used at all: training would take the place
    for one without a plate.
    """
    frame = frame_of(record, photo, options.frame)
    plates: list[Plate] = []
    for shape in record.shapes:
        kind = classes.kind(shape.name)
        if kind == "unclear":
            raise _unclear(shape.name, photo, classes)
        if kind == "other":
            continue
        points = to_upright(shape.points, photo, record, frame)
        try:
            plate = plate_of(shape, kind, points, photo.pixels, options.refiner)
        except Unusable as unusable:
            raise Unusable(unusable.reason, f"{photo.path.name}: {unusable.detail}") from None
        plates.append(with_mark(plate))
        if kind == "mark":
            report.names[shape.name] += 1
    _note(record, photo, frame, plates, report)
    width, height = photo.upright_size
    digest = hashlib.sha256(photo.data).hexdigest()
    row = {
        "file": write_photo(photo, digest[:8], out),
        "width": width,
        "height": height,
        "source": f"{record.label.name} {photo.path.name}",
        "country": "HK" if any(plate["hk"] for plate in plates) or not plates else "unknown",
        "plates": plates,
    }
    return Imported(row, [(crop(photo, plate), caption(plate)) for plate in plates], digest)


def _unclear(name: str, photo: OpenedPhoto, classes: Classes) -> Unusable:
    """Returns what is told of an object whose class may or may not be a plate."""
    say = "--names-are-marks" if classes.mark_names == "likely" else f"--class {name}"
    if not name:  # objects without a class that have a text are of the class plate
        say = '--class plate --class ""'
    told, ignore = name or "an object without a class", name or '""'
    return Unusable(
        Reason.CLASS_UNKNOWN, f"{told} on {photo.path.name}: {say} or --ignore {ignore}"
    )


def _note(
    record: AnnotatedPhoto,
    photo: OpenedPhoto,
    frame: Frame,
    plates: Sequence[Plate],
    report: Report,
) -> None:
    """Notes what was assumed of a photograph that is used."""
    name = photo.path.name
    if photo.orientation != 1 and frame == "stored":
        report.stored.append(name)
    elif photo.orientation != 1 and (not record.size or photo.upright_size == photo.stored_size):
        report.assumed.append(name)
    report.unread += [f"{plate['raw_text']} on {name}" for plate in plates if "raw_text" in plate]
    report.foreign += [name for plate in plates if plate.get("note") == NOT_WHITE_OR_YELLOW]
