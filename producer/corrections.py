"""`hkplates corrections`: what people said about plates, as labels to train on, and the photographs
beside them."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa
import typer

from hkplates import embedded
from hkplates.database.corrections import photographs
from hkplates.database.labels import file_name, label, line
from hkplates.database.session import require_current_schema
from hkplates.errors import ImageRejected, OutputUnwritable
from hkplates.jobs import ImageRef
from hkplates.settings import Settings
from hkplates.storage.stores import open_stores
from producer.commands import INTERRUPTED, PIPE_BROKEN, opened_engine
from producer.export_outputs import STANDARD_OUTPUT, Output, open_output
from producer.interrupts import interruptible

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
    for one in written.missing:
        typer.echo(f"hkplates: left out {one}", err=True)
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
        output.write(line(row))
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
