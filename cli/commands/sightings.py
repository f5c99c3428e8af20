"""The commands that read photographs, and query, export and compare the results."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.commands import filters
from cli.commands.options import Json, settings
from hkplates.recognition.bundles.choices import ReaderName

app = typer.Typer(rich_markup_mode="rich")


@app.command(epilog="[bold]Example[/bold]: hkplates read *.jpg --draw drawn/")
def read(
    photos: Annotated[list[str], typer.Argument(help="Photographs, folders of them, or patterns.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, one for each photograph.")
    ] = False,
    draw: Annotated[
        Path | None, typer.Option(help="Folder for copies with the plates drawn in.")
    ] = None,
    reader: Annotated[
        ReaderName | None, typer.Option(help="In place of what HKPLATES_READER says.")
    ] = None,
) -> None:
    """Read the plates of some photographs here and now, without any server."""
    from cli.sightings.read import read_photos

    chosen = settings()
    if reader is not None:
        chosen = chosen.model_copy(update={"reader": reader})
    raise typer.Exit(read_photos(photos, as_json, draw, chosen))


@app.command(
    epilog="[bold]Example[/bold]: hkplates search AB?123 --since 2026-07-15",
)
def search(
    mark: Annotated[
        str, typer.Argument(help="A mark; ? is any one character, * any number of them.")
    ],
    since: filters.Since = None,
    until: filters.Until = None,
    prefix: filters.Prefix = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most sightings to print.")] = 50,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Only plates read just so, or corrected to it by a person."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Find a mark, or half a mark, also where it was misread, the likeliest first.

    Blanks and case do not count, I is 1 and O is 0. The score is how probable
    it is that the plate bears what you ask for; the reason stands beside it.
    Quote a mark with * or ? where your shell would take it for files.
    """
    from cli.sightings.search import run_search
    from hkplates.database.queries.mark_search import MarkQuery
    from hkplates.database.sighting_filter import SightingFilter

    where = SightingFilter(
        since=filters.since(since),
        until=filters.until(until),
        prefix=filters.prefix(prefix),
    )
    query = MarkQuery(mark, where, limit=limit, look_alikes=not exact)
    raise typer.Exit(run_search(query, settings(), as_json=as_json))


@app.command(
    epilog='[bold]Example[/bold]: hkplates sql "select mark, uri from sightings limit 5"',
)
def sql(
    query: Annotated[
        str | None, typer.Argument(help="One statement; without it, a prompt.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, of a SELECT.")
    ] = False,
) -> None:
    """Ask the results in SQL, with psql.

    Starts the embedded PostgreSQL for as long as it takes, where none is named
    or runs. The tables and what to ask them: docs/sql.md
    """
    from cli.sightings.sql import run_psql

    raise typer.Exit(run_psql(query, settings(), as_csv=as_csv, as_json=as_json))


@app.command(
    epilog="[bold]Example[/bold]: hkplates export --output july.parquet --since 2026-07",
)
def export(
    output: Annotated[
        str, typer.Option("--output", "-o", help="A file, - or s3://bucket/key.")
    ] = "-",
    form: Annotated[
        Literal["csv", "jsonl", "parquet"] | None,
        typer.Option("--format", help="Without it, what the output's ending says, else csv."),
    ] = None,
    mark: Annotated[
        str | None, typer.Option(help="? stands for one character, * for any number.")
    ] = None,
    since: filters.Since = None,
    until: filters.Until = None,
    prefix: filters.Prefix = None,
    submission: Annotated[int | None, typer.Option(help="Number of a submission.")] = None,
    region: Annotated[
        Literal["HK", "CN", "MO", "other"] | None, typer.Option(help="Whose plates.")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="How sure the reading is at least.")
    ] = None,
    incomplete: Annotated[
        bool | None,
        typer.Option(help="Plates not seen whole; without it, those too, unless with --mark."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
    as_json: Json = False,
) -> None:
    """Write the sightings to a file, for a colleague or another program.

    One row for each plate, with the columns of the view sightings, as they
    stand at one moment. A file or an object appears when it is whole, and any
    number of rows takes the same memory.
    """
    from cli.export.export import run_export
    from hkplates.database.sighting_filter import SightingFilter

    where = SightingFilter(
        mark=filters.mark(mark),
        since=filters.since(since),
        until=filters.until(until),
        prefix=filters.prefix(prefix),
        submission=submission,
        region=region,
        min_confidence=min_confidence,
        incomplete=incomplete,
    )
    raise typer.Exit(run_export(output, form, where, settings(), force=force, as_json=as_json))


@app.command(
    epilog="[bold]Example[/bold]: hkplates corrections --photos corrected/train",
)
def corrections(
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A file, - or s3://bucket/key; else in the folder."),
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Folder for the photographs, which is made.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
    as_json: Json = False,
) -> None:
    """Write what people said about plates, as labels to train on.

    One JSON object a line for each photograph on which somebody reviewed a
    plate, with the plates on it. With --photos the photographs are fetched
    beside the labels, and the folder is what `make train-reader` reads.
    """
    from cli.sightings.training_labels import run_corrections

    status = run_corrections(output, photos, settings(), force=force, as_json=as_json)
    raise typer.Exit(status)


@app.command(
    epilog="[bold]Example[/bold]: hkplates compare 1 2 --csv > changes.csv",
)
def compare(
    old: Annotated[
        int | None, typer.Argument(help="Number of a model version; without it, list them.")
    ] = None,
    new: Annotated[int | None, typer.Argument(help="The version to compare with it.")] = None,
    submission: Annotated[int | None, typer.Option(help="Only images of this submission.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Changes to list; without it 20, or 1,000 in JSON and CSV."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the changes as CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Show what changes from one model version to another.

    Over all images that both have read: which plates are read differently,
    found or lost, the surest changes first. Read some images again before
    with `hkplates reprocess --limit 500`.
    """
    from cli.compare.compare import run_compare

    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    form: Literal["text", "json", "csv"] = "csv" if as_csv else "json" if as_json else "text"
    chosen = settings()
    status = run_compare(old, new, chosen, submission=submission, limit=limit, form=form)
    raise typer.Exit(status)
