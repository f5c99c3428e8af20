"""`hkplates corrections`: what people said about plates, as labels to train on, and the photographs
beside them."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import typer

from hkplates import embedded
from hkplates.database.corrections import Correction, photographs
from hkplates.database.session import require_current_schema
from hkplates.errors import ImageRejected, OutputUnwritable
from hkplates.jobs import ImageRef
from hkplates.settings import Settings
from hkplates.storage.stores import open_stores
from producer.commands import INTERRUPTED, PIPE_BROKEN, opened_engine
from producer.export_outputs import STANDARD_OUTPUT, Output, open_output
from producer.interrupts import interruptible
from producer.listing import looks_like_image

LATIN = re.compile("[A-Z0-9]+")
Fetch = Callable[[ImageRef, Path], None]
"""Brings a photograph to a file. Raises ImageRejected, StoreUnreachable."""


@dataclass(slots=True)
class Written:
    """What was written; `missing` are the photographs that could not be fetched, and why."""

    photographs: int = 0
    plates: int = 0
    missing: list[str] = field(default_factory=list)


def run_corrections(
    output: str | None, photos: Path | None, settings: Settings, *, force: bool, as_json: bool
) -> int:
    """`hkplates corrections`; the exit status."""
    place = output or (STANDARD_OUTPUT if photos is None else str(labels_of(photos)))
    if place == STANDARD_OUTPUT and as_json:
        raise typer.BadParameter("--json reports where the labels went; name it with --output")
    try:
        with interruptible(), ExitStack() as opened:
            engine = opened.enter_context(opened_engine(embedded.resolve_database_url(settings)))
            require_current_schema(engine)
            if photos is not None:
                make_folder(photos)
            to = opened.enter_context(open_output(place, force=force))
            written = write(engine, to, photos, fetcher(settings))
    except KeyboardInterrupt:
        typer.echo("Interrupted. The same command goes on with the photographs.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read had enough; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_BROKEN
    if place != STANDARD_OUTPUT:
        typer.echo(json.dumps({"output": place, **asdict(written)}) if as_json else
                   f"{written.photographs:,} photographs with {written.plates:,} plates written "
                   f"to {place}.")  # fmt: skip
    for line in written.missing:
        typer.echo(f"hkplates: left out {line}", err=True)
    return ImageRejected.exit_code if written.missing else 0


def make_folder(photos: Path) -> None:
    """Raises OutputUnwritable where there can be no such folder."""
    if "://" in str(photos) or str(photos).startswith("s3:"):
        raise typer.BadParameter(f"--photos expected a folder of this machine, got {photos}")
    try:
        photos.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(
            f"{photos} cannot be made: {error.strerror}; choose another place with --photos"
        ) from None


def labels_of(photos: Path) -> Path:
    """Where training looks for the labels of a folder of photographs."""
    return photos / f"{photos.resolve().name}.jsonl"


def write(engine: sa.Engine, output: Output, photos: Path | None, fetch: Fetch) -> Written:
    """Labels of each photograph on which people said something, a JSON object a line.

    With `photos`, a folder, the photographs are fetched into it, one at a time, but for those that
    lie there already; one that cannot be fetched is left out.

    Raises:
        DatabaseUnreachable, StoreUnreachable: the same call may succeed later.
    """
    written = Written()
    for plates in photographs(engine):
        image = plates[0].image
        if photos is not None and not _fetched(image, photos, fetch, written):
            continue
        row = label(plates)
        output.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        written.photographs += 1
        written.plates += len(row["plates"])
    return written


def fetcher(settings: Settings) -> Fetch:
    """Reads a photograph from its store, and lets it appear when it is whole."""
    stores = open_stores()

    def fetch(image: ImageRef, path: Path) -> None:
        data = stores[image.store].read(
            image.bucket, image.key, image.etag, limit=settings.max_image_bytes
        )
        with open_output(str(path.absolute()), force=True) as file:
            file.write(data)

    return fetch


def _fetched(image: ImageRef, photos: Path, fetch: Fetch, written: Written) -> bool:
    path = photos / file_name(image)
    if not path.exists():
        try:
            fetch(image, path)
        except ImageRejected as rejected:
            written.missing.append(f"image {image.id}: {rejected}")
            return False
    return True


def file_name(image: ImageRef) -> str:
    """The number of the image, whatever its key holds, with the ending of a photograph."""
    ending = image.key.rpartition(".")[2].lower() if looks_like_image(image.key) else "jpg"
    return f"{image.id}.{ending}"


def label(plates: Sequence[Correction]) -> dict[str, Any]:
    """A photograph as models/ trains on it; what is no plate is not among its plates."""
    image, seen = plates[0].image, [one for one in plates if one.verdict != "not_a_plate"]
    return {
        "file": file_name(image),
        "width": plates[0].width,
        "height": plates[0].height,
        "source": _uri(image),
        "country": "HK" if any(one.region == "HK" for one in seen) else "unknown",
        "plates": [dict(_fields(one)) for one in seen],
    }


def _uri(image: ImageRef) -> str:
    """As the view sightings writes it."""
    place = f"s3://{image.bucket}" if image.store == "s3" else f"file://{image.bucket.rstrip('/')}"
    return f"{place}/{image.key}"


def _fields(plate: Correction) -> Iterator[tuple[str, Any]]:
    printed = re.sub("[ .-]", "", plate.text or "")
    text = printed if LATIN.fullmatch(printed) else None
    yield "box", [round(side, 1) for side in plate.box]
    yield "quad", [[round(x, 1), round(y, 1)] for x, y in plate.quad]
    yield "text", text
    yield "lines", plate.rows
    yield "color", plate.colour
    yield "hk", plate.region == "HK"
    if plate.region == "HK" and text:
        yield "mark", plate.mark
    if plate.text and not text:
        yield "raw_text", plate.text
    if note := _note(plate):
        yield "note", note


def _note(plate: Correction) -> str | None:
    if plate.verdict is None:
        return "nobody has looked at it"
    # As the reader's training asks for plates that it must not read.
    elsewhere = {"CN": "mainland China", "MO": "Macau"}
    return elsewhere.get(plate.region) or (None if plate.text else "not legible")
