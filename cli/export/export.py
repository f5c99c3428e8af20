"""`hkplates export`: writes sightings to a file, standard output or S3, in constant memory."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import PurePath

import sqlalchemy as sa
import typer
from rich.console import Console

from cli.context import closed_pipe_accepted, interruption_reported, opened_database
from cli.export.formats import FormatName, opened_format
from cli.export.outputs import STANDARD_OUTPUT, Output, open_output
from hkplates.database.queries.export import stream_sightings
from hkplates.database.sighting_filter import SightingFilter
from hkplates.exit_status import ExitStatus
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
    """Counts of what an export wrote, and the seconds it took."""

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
    """Runs `hkplates export`; returns the exit status.

    Raises:
        typer.BadParameter: the output, its format or --json cannot go together.
        OutputUnwritable, SourceError, StoreUnreachable: the output cannot be written.
        typer.Exit: interrupted, or nobody reads standard output any more.
    """
    to_stdout = output == STANDARD_OUTPUT
    name = format_name or FORMAT_BY_SUFFIX.get(PurePath(output).suffix.lower(), "csv")
    if to_stdout and as_json:
        raise typer.BadParameter("--json reports where the sightings went; name it with --output")
    if to_stdout and name == "parquet" and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal; name a file with --output")
    with (
        interruption_reported("Interrupted. Nothing was written; begin again."),
        closed_pipe_accepted(),
        interruptible(),
        opened_database(settings) as engine,
        open_output(output, force=force) as opened,
        _progress(to_stdout) as show,
    ):
        report = export(engine, where, name, opened, show)
    if not to_stdout:
        typer.echo(_format_report(report, name, output, as_json=as_json))
    return ExitStatus.DONE


def export(
    engine: sa.Engine, where: SightingFilter, name: FormatName, output: Output, show: ShowCount
) -> ExportReport:
    """Writes the sightings to the output, as they stand at this moment.

    Raises:
        RuntimeMissing: the library that writes the format is not installed.
        DatabaseUnreachable: Postgres does not answer.
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
    """Counts the bytes that an output takes."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        self.bytes += len(data)
        return self._output.write(data)


@contextmanager
def _progress(to_stdout: bool) -> Iterator[ShowCount]:
    """Yields what shows the count: a line redrawn on a terminal, nothing elsewhere."""
    if to_stdout or not sys.stderr.isatty():
        yield lambda _: None
        return
    began = time.monotonic()
    with Console(stderr=True).status("Asking Postgres ...") as status:

        def show(sightings: int) -> None:
            seconds = max(time.monotonic() - began, 0.001)
            status.update(f"{sightings:,} sightings, {sightings / seconds:,.0f} a second")

        yield show


def _format_report(report: ExportReport, name: FormatName, output: str, *, as_json: bool) -> str:
    if as_json:
        fields = {**asdict(report), "seconds": round(report.seconds, 3)}
        return json.dumps({"output": output, "format": name, **fields})
    return (
        f"{report.sightings:,} sightings written to {output} "
        f"({report.bytes:,} bytes, {report.seconds:,.1f} s)."
    )
