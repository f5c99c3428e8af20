"""`hkplates read`: reads photographs of this machine at once, without queue or database.

Prints one JSON object a line and a photograph, in the order named::

    {"image": "gate.jpg", "width": 1280, "height": 960, "error": null, "plates": [{
        "mark": "AG5555", "text": "AG 5555", "region": "HK", "series": "usual", "rows": 1,
        "colour": "white", "confidence": 0.93, "box": [x, y, width, height],
        "quad": [[x, y], [x, y], [x, y], [x, y]], "reader": "neural", "detector_score": 0.98,
        "character_confidences": [...], "candidates": [{"text": "AG 5555", "confidence": 0.95}],
        "complete": true, "pattern": "AG5555"}]}

Of a plate that is not seen whole "complete" is false, and "pattern" has a ? where characters are
missing. Boxes are in pixels of the upright photograph. Of one that cannot be read width and
height are null, and "error" holds {"reason", "detail"}.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.context import closed_pipe_accepted
from cli.sightings.photo_files import find_photographs, read_file
from hkplates.errors import ImageMissing, ImageRejected, SettingInvalid, SourceEmpty
from hkplates.exit_status import ExitStatus
from hkplates.formatting import printable
from hkplates.recognition.marks import printing_differences
from hkplates.settings import Settings

if TYPE_CHECKING:
    from hkplates.recognition.images.decode import Photograph
    from hkplates.recognition.recogniser import Recogniser
    from hkplates.recognition.types import DetectedPlate, PlateReading

BATCH = 16  # photographs whose plates are read in one call: more gains little and answers later


@dataclass(frozen=True, slots=True)
class _DetectedPhoto:
    """A photograph with its detected plates, or the error for which it was not read."""

    path: str
    size: tuple[int, int] | None
    found: "tuple[DetectedPlate, ...]"
    error: ImageRejected | None


def read_photos(paths: Sequence[str], as_json: bool, draw: Path | None, settings: Settings) -> int:
    """Runs `hkplates read`: prints the plates of each photograph; returns the exit status.

    `paths` are files, folders and patterns. With `draw` a marked copy of each photograph is
    written into that folder.

    Returns:
        0; 1 where a photograph could not be read or drawn, or a folder or pattern had none; 3
        where nothing that was named is there.

    Raises:
        SourceEmpty: no folder or pattern had a photograph, and nothing else was named.
        SetupError, TemporaryFault: nothing more can be read; the message says why.
    """
    # Heavy, so loaded only by the command that needs it.
    from hkplates.recognition.recogniser import open_recogniser

    if draw is not None:
        _make_folder(draw)
    recogniser = open_recogniser(
        settings.models, settings.runtime, settings.detector_threshold, settings.reader
    )
    empty: list[SourceEmpty] = []
    with closed_pipe_accepted(ExitStatus.DONE):
        found = find_photographs(paths, empty.append, leave_out=draw)
        status = _read_all(found, as_json, draw, settings, recogniser)
    if empty and len(empty) == len(paths):
        raise empty[0]
    for error in empty:
        _warn(str(error))
    return ExitStatus.SOME_FAILED if empty and status == ExitStatus.DONE else status


def _read_all(
    paths: Iterable[str],
    as_json: bool,
    draw: Path | None,
    settings: Settings,
    recogniser: "Recogniser",
) -> ExitStatus:
    status, is_anything_there = ExitStatus.DONE, False
    with _progress() as advance:
        for batch in _batches(paths):
            detected = [_detect(path, recogniser, settings) for path in batch]
            for photo, plates in _read(detected, recogniser):
                _print(_format_json(photo, plates) if as_json else _format_photo(photo, plates))
                is_anything_there |= not isinstance(photo.error, ImageMissing)
                is_done = photo.error is None
                if is_done and draw is not None:
                    is_done = _draw(photo.path, plates, draw, settings)
                if not is_done:
                    status = ExitStatus.SOME_FAILED
            advance(len(batch))
    return status if is_anything_there else ExitStatus.SOURCE_UNREADABLE


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(paths)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _detect(path: str, recogniser: "Recogniser", settings: Settings) -> _DetectedPhoto:
    try:
        pixels = _open(path, settings).pixels
    except ImageRejected as error:
        return _DetectedPhoto(path, None, (), error)
    height, width = pixels.shape[:2]
    return _DetectedPhoto(path, (width, height), tuple(recogniser.find(pixels)), None)


def _open(path: str, settings: Settings) -> "Photograph":
    from hkplates.recognition.images.decode import decode

    data = read_file(path, limit=settings.max_image_bytes)
    return decode(data, max_pixels=settings.max_image_pixels)


def _read(
    photos: Sequence[_DetectedPhoto], recogniser: "Recogniser"
) -> Iterator[tuple[_DetectedPhoto, "list[PlateReading]"]]:
    """Yields each photograph with its plates, all read in one call."""
    readings = iter(recogniser.read([plate for photo in photos for plate in photo.found]))
    for photo in photos:
        yield photo, list(islice(readings, len(photo.found)))


def _format_json(photo: _DetectedPhoto, plates: "Sequence[PlateReading]") -> str:
    width, height = photo.size or (None, None)
    error = photo.error and {"reason": photo.error.reason, "detail": str(photo.error)}
    report = {"image": photo.path, "width": width, "height": height, "error": error}
    return json.dumps({**report, "plates": [plate_fields(plate) for plate in plates]})


def plate_fields(plate: "PlateReading") -> dict[str, Any]:
    """Returns a plate as `--json` prints it: a contract."""
    box = plate.box
    return {
        "mark": plate.mark,
        "text": plate.text,
        "region": plate.region,
        "series": plate.series,
        "rows": plate.rows,
        "colour": plate.colour,
        "confidence": round(plate.confidence, 4),
        "box": [round(side, 1) for side in (box.left, box.top, box.width, box.height)],
        "quad": [[round(float(x), 1), round(float(y), 1)] for x, y in plate.quad.to_array()],
        "reader": plate.reader,
        "detector_score": round(plate.detector_score, 4),
        "character_confidences": [round(number, 4) for number in plate.character_confidences],
        "candidates": [
            {"text": candidate.text, "confidence": round(candidate.confidence, 4)}
            for candidate in plate.candidates
        ],
        "complete": plate.complete,
        "pattern": plate.pattern,
    }


def _format_photo(photo: _DetectedPhoto, plates: "Sequence[PlateReading]") -> str:
    if photo.error is not None:
        return f"{printable(photo.path)}: not read ({photo.error.reason}): {photo.error}"
    marks = ", ".join(_format_plate(plate) for plate in plates)
    return f"{printable(photo.path)}: {marks or 'no plate'}"


def _format_plate(plate: "PlateReading") -> str:
    details: list[str] = [plate.region, plate.colour]
    if plate.confidence:  # 0 where HKPLATES_READER=none: nothing was read
        details.append(f"{plate.confidence:.0%}")
    # Blanks need no remark: nobody takes them for part of the mark.
    details += printing_differences(plate.text.replace(" ", ""))
    if not plate.complete:
        details.append("not seen whole")
    return f"{plate.pattern if plate.mark else 'a plate, not read'} ({', '.join(details)})"


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _warn(message: str) -> None:
    sys.stderr.write(f"hkplates: {printable(message)}\n")


def _draw(path: str, plates: "Sequence[PlateReading]", folder: Path, settings: Settings) -> bool:
    """Writes a marked copy; returns False where the file is not what it was a moment ago.

    Decodes once more: to keep a batch of large photographs would take a gigabyte.

    Raises:
        SettingInvalid: the folder cannot be written.
    """
    from hkplates.recognition.images.annotate import save_annotated

    try:
        pixels = _open(path, settings).pixels
    except ImageRejected as error:
        _warn(f"{path} changed while it was read and was not drawn: {error}")
        return False
    try:
        save_annotated(pixels, plates, path, folder)
    except OSError as error:
        raise SettingInvalid(
            f"--draw {folder} cannot be written: {error.strerror}; make room or name another folder"
        ) from None
    return True


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingInvalid(
            f"--draw {folder} cannot be made: {error.strerror}; name a folder that may be written"
        ) from None


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Yields what advances the display by a number of photographs.

    Displayed on standard error where that is a terminal; not where the results go to it as well.
    """
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda photos: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    speed = TextColumn("{task.completed} photographs read, {task.fields[speed]:.1f} a second")
    columns = (SpinnerColumn(), speed, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, speed=0.0)

        def advance(photos: int) -> None:
            read, elapsed = bar.tasks[0].completed + photos, bar.tasks[0].elapsed or 1.0
            bar.update(task, completed=read, speed=read / elapsed)

        yield advance
