"""`hkplates corrections`: writes reviews as labels to train on, and fetches their photographs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import sqlalchemy as sa
import typer

from cli.context import closed_pipe_accepted, interruption_reported, opened_database
from cli.export.outputs import STANDARD_OUTPUT, Output, open_output
from hkplates.database.reviews.corrections import (
    reviewed_photographs,
    stores_of_reviewed_photographs,
)
from hkplates.errors import ImageRejected, OutputUnwritable, StoreUnreachable
from hkplates.exit_status import ExitStatus
from hkplates.jobs import ImageRef, StoreKind
from hkplates.reporting.training_labels import json_line, photo_file_name, training_label
from hkplates.settings import Settings
from hkplates.signals import interruptible
from hkplates.storage.base import Store
from hkplates.storage.folder import FolderStore
from hkplates.storage.s3 import S3Store


@dataclass(slots=True)
class LabelReport:
    """Counts of what was written; `missing` says which photographs were not fetched."""

    photographs: int = 0
    plates: int = 0
    missing: list[str] = field(default_factory=list)


class PhotographFetcher:
    """Fetches photographs into a folder.

    A bucket that serves none of MAX_UNSERVED in a row is asked no more, so that a store that is
    away costs minutes and not hours.
    """

    MAX_UNSERVED = 5
    """Photographs of a bucket or folder in a row that its store did not serve."""

    def __init__(self, stores: Mapping[StoreKind, Store], photos: Path, limit: int) -> None:
        self._stores, self._photos, self._limit = stores, photos, limit
        self._unserved: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], StoreUnreachable] = {}

    @property
    def unreachable(self) -> StoreUnreachable | None:
        """The fault for which a photograph was not served, if any was not."""
        return next(iter(self._last.values()), None)

    def fetch(self, image: ImageRef) -> None:
        """Fetches a photograph that is not in the folder yet; it appears when it is whole.

        Raises:
            ImageRejected: it cannot be read.
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
    """Runs `hkplates corrections`; returns the exit status.

    Raises:
        typer.BadParameter: the output or the folder cannot be used so.
        StoreUnreachable: no photograph was served at all.
        typer.Exit: interrupted, or nobody reads standard output any more.
    """
    place = output or (STANDARD_OUTPUT if photos is None else str(labels_path(photos)))
    if place == STANDARD_OUTPUT and as_json:
        raise typer.BadParameter("--json reports where the labels went; name it with --output")
    with (
        interruption_reported("Interrupted. The same command goes on with the photographs."),
        closed_pipe_accepted(),
        interruptible(),
        opened_database(settings) as engine,
    ):
        fetcher = None if photos is None else _open_fetcher(engine, photos, settings)
        with open_output(place, force=force) as to:
            report = write_labels(engine, to, fetcher)
    if place != STANDARD_OUTPUT:
        typer.echo(_format_report(report, place, as_json=as_json))
    for one in report.missing:
        typer.echo(f"hkplates: left out {one}", err=True)
    return ExitStatus.SOME_FAILED if report.missing else ExitStatus.DONE


def _format_report(report: LabelReport, output: str, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"output": output, **asdict(report)})
    return f"{report.photographs:,} photographs with {report.plates:,} plates written to {output}."


def make_folder(photos: Path) -> None:
    """Makes the folder of the photographs where there is none.

    Raises:
        typer.BadParameter: it names no folder of this machine.
        OutputUnwritable: it cannot be made.
    """
    if "://" in str(photos) or str(photos).startswith("s3:"):
        raise typer.BadParameter(f"--photos expected a folder of this machine, got {photos}")
    try:
        photos.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(
            f"{photos} cannot be made: {error.strerror}; choose another place with --photos"
        ) from None


def labels_path(photos: Path) -> Path:
    """Returns where training looks for the labels of a folder of photographs."""
    return photos / f"{photos.resolve().name}.jsonl"


def write_labels(
    engine: sa.Engine, output: Output, fetcher: PhotographFetcher | None
) -> LabelReport:
    """Writes the labels of each reviewed photograph, a JSON object a line.

    With a fetcher the photographs are fetched, one at a time; one that cannot be is left out.

    Raises:
        DatabaseUnreachable: the same call may succeed later.
        StoreUnreachable: no photograph was served at all; likewise.
    """
    report = LabelReport()
    for plates in reviewed_photographs(engine):
        image = plates[0].image
        try:
            if fetcher is not None:
                fetcher.fetch(image)
        except (ImageRejected, StoreUnreachable) as error:
            report.missing.append(f"image {image.id}: {error}")
            continue
        row = training_label(plates)
        output.write(json_line(row))
        report.photographs += 1
        report.plates += len(row["plates"])
    if fetcher is not None and fetcher.unreachable and not report.photographs:
        raise fetcher.unreachable
    return report


def _open_fetcher(engine: sa.Engine, photos: Path, settings: Settings) -> PhotographFetcher:
    """Returns a fetcher, after a check of the folder and the credentials."""
    make_folder(photos)
    s3 = S3Store()
    if "s3" in stores_of_reviewed_photographs(engine):
        s3.require_credentials()
    return PhotographFetcher({"s3": s3, "folder": FolderStore()}, photos, settings.max_image_bytes)
