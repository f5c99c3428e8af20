"""`hkplates corrections`: what people said about plates, as labels to train on, and the photographs
beside them."""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa
import typer

from cli.context import INTERRUPTED, PIPE_BROKEN, opened_engine
from cli.export.outputs import STANDARD_OUTPUT, Output, open_output
from hkplates.database.reviews.corrections import (
    reviewed_photographs,
    stores_of_reviewed_photographs,
)
from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded import servers as embedded
from hkplates.errors import ImageRejected, OutputUnwritable, StoreUnreachable
from hkplates.jobs import ImageRef, StoreKind
from hkplates.reporting.training_labels import json_line, photo_file_name, training_label
from hkplates.settings import Settings
from hkplates.signals import interruptible
from hkplates.storage.base import Store
from hkplates.storage.folder import FolderStore
from hkplates.storage.s3 import S3Store


@dataclass(slots=True)
class LabelReport:
    """What was written; `missing` are the photographs that could not be fetched, and why."""

    photographs: int = 0
    plates: int = 0
    missing: list[str] = field(default_factory=list)


class PhotographFetcher:
    """Fetches photographs into a folder. A bucket that serves none of some in a row is asked no
    more, so that a store that is away costs minutes and not hours."""

    MAX_UNSERVED = 5
    """Photographs of a bucket or folder in a row that its store did not serve."""

    def __init__(self, stores: Mapping[StoreKind, Store], photos: Path, limit: int) -> None:
        self._stores, self._photos, self._limit = stores, photos, limit
        self._unserved: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], StoreUnreachable] = {}

    @property
    def unreachable(self) -> StoreUnreachable | None:
        """Why some photograph was not served, if any was not."""
        return next(iter(self._last.values()), None)

    def fetch(self, image: ImageRef) -> None:
        """Bring a photograph into the folder, where it does not lie there already; it appears when
        it is whole.

        Raises:
            ImageRejected: it cannot be had.
            StoreUnreachable: its store does not serve it now.
        """
        path, place = self._photos / photo_file_name(image), (image.store, image.bucket)
        if path.exists():
            return
        unserved = self._unserved.get(place, 0)
        if unserved >= self.MAX_UNSERVED:
            raise StoreUnreachable(str(self._last[place]))
        self._unserved[place] = 0
        try:
            data = self._stores[image.store].read(
                image.bucket, image.key, image.etag, limit=self._limit
            )
        except StoreUnreachable as error:
            self._unserved[place] = unserved + 1
            self._last[place] = error
            raise
        with open_output(str(path.absolute()), force=True) as file:
            file.write(data)


def run_corrections(
    output: str | None, photos: Path | None, settings: Settings, *, force: bool, as_json: bool
) -> int:
    """`hkplates corrections`; the exit status."""
    place = output or (STANDARD_OUTPUT if photos is None else str(labels_path(photos)))
    if place == STANDARD_OUTPUT and as_json:
        raise typer.BadParameter("--json reports where the labels went; name it with --output")
    try:
        with interruptible(), ExitStack() as opened:
            engine = opened.enter_context(opened_engine(embedded.resolve_database_url(settings)))
            require_current_schema(engine)
            fetcher = None if photos is None else _open_fetcher(engine, photos, settings)
            to = opened.enter_context(open_output(place, force=force))
            written = write_labels(engine, to, fetcher)
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


def labels_path(photos: Path) -> Path:
    """Where training looks for the labels of a folder of photographs."""
    return photos / f"{photos.resolve().name}.jsonl"


def write_labels(
    engine: sa.Engine, output: Output, fetcher: PhotographFetcher | None
) -> LabelReport:
    """Labels of each photograph on which people said something, a JSON object a line.

    With a fetcher the photographs are fetched, one at a time; one that cannot be is left out.

    Raises:
        DatabaseUnreachable: the same call may succeed later.
        StoreUnreachable: no photograph was served at all; likewise.
    """
    written = LabelReport()
    for plates in reviewed_photographs(engine):
        image = plates[0].image
        try:
            if fetcher is not None:
                fetcher.fetch(image)
        except (ImageRejected, StoreUnreachable) as error:
            written.missing.append(f"image {image.id}: {error}")
            continue
        row = training_label(plates)
        output.write(json_line(row))
        written.photographs += 1
        written.plates += len(row["plates"])
    if fetcher is not None and fetcher.unreachable and not written.photographs:
        raise fetcher.unreachable
    return written


def _open_fetcher(engine: sa.Engine, photos: Path, settings: Settings) -> PhotographFetcher:
    """Asks for what is wrong with the folder or the credentials before anything is written."""
    make_folder(photos)
    s3 = S3Store()
    if "s3" in stores_of_reviewed_photographs(engine):
        s3.require_credentials()
    return PhotographFetcher({"s3": s3, "folder": FolderStore()}, photos, settings.max_image_bytes)
