"""`hkplates export`: sightings to a file, standard output or S3, in constant memory."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import PurePath

import sqlalchemy as sa
import typer
from rich.console import Console

from cli.context import INTERRUPTED, PIPE_BROKEN, opened_engine
from cli.export.formats import FormatName, opened_format
from cli.export.outputs import STANDARD_OUTPUT, Output, open_output
from hkplates.database.queries.export import stream_sightings
from hkplates.database.schema.revision import require_current_schema
from hkplates.database.sighting_filter import SightingFilter
from hkplates.embedded import servers as embedded
from hkplates.settings import Settings
from hkplates.signals import interruptible

FORMAT_BY_SUFFIX: dict[str, FormatName] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}

ShowCount = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written."""

    sightings: int
    bytes: int
    seconds: float


def run_export(
    output: str,
    format_name: FormatName | None,
    where: SightingFilter,
    settings: Settings,
    *,
    force: bool,
    as_json: bool,
) -> int:
    """`hkplates export`; the exit status."""
    to_stdout = output == STANDARD_OUTPUT
    name = format_name or FORMAT_BY_SUFFIX.get(PurePath(output).suffix.lower(), "csv")
    if to_stdout and as_json:
        raise typer.BadParameter("--json reports where the sightings went; name it with --output")
    if to_stdout and name == "parquet" and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal; name a file with --output")
    try:
        with (
            interruptible(),
            opened_engine(embedded.resolve_database_url(settings)) as engine,
        ):
            require_current_schema(engine)
            with open_output(output, force=force) as opened, _progress(to_stdout) as show:
                written = export(engine, where, name, opened, show)
    except KeyboardInterrupt:
        typer.echo("Interrupted. Nothing was written; begin again.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read had enough; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_BROKEN
    if not to_stdout:
        typer.echo(_format_report(written, name, output, as_json=as_json))
    return 0


def export(
    engine: sa.Engine, where: SightingFilter, name: FormatName, output: Output, show: ShowCount
) -> ExportReport:
    """Write the sightings to the output, as they stand at this moment.

    Raises:
        RuntimeMissing: what writes the format is not installed.
        DatabaseUnreachable: Postgres went away.
    """
    began = time.monotonic()
    counted = _CountedOutput(output)
    sightings = 0
    with opened_format(name, counted) as to, closing(stream_sightings(engine, where)) as batches:
        for rows in batches:
            to.write(rows)
            sightings += len(rows)
            show(sightings)
    return ExportReport(sightings, counted.bytes, time.monotonic() - began)


class _CountedOutput:
    """An output that knows how much it took."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        self.bytes += len(data)
        return self._output.write(data)


@contextmanager
def _progress(to_stdout: bool) -> Iterator[ShowCount]:
    """A line that is drawn anew while a person looks on."""
    if to_stdout or not sys.stderr.isatty():
        yield lambda _: None
        return
    began = time.monotonic()
    with Console(stderr=True).status("Asking Postgres ...") as status:

        def show(sightings: int) -> None:
            seconds = max(time.monotonic() - began, 0.001)
            status.update(f"{sightings:,} sightings, {sightings / seconds:,.0f} a second")

        yield show


def _format_report(written: ExportReport, name: FormatName, output: str, *, as_json: bool) -> str:
    if as_json:
        fields = {**asdict(written), "seconds": round(written.seconds, 3)}
        return json.dumps({"output": output, "format": name, **fields})
    return (
        f"{written.sightings:,} sightings written to {output} "
        f"({written.bytes:,} bytes, {written.seconds:,.1f} s)."
    )
