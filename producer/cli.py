"""The `hkplates` command: what can be typed. What is done then is imported when it is typed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hkplates.errors import HkplatesError
from hkplates.recognition.choices import ReaderName
from producer import filters

if TYPE_CHECKING:
    from hkplates.settings import Settings

# Lines of up to 76 characters: a terminal of 80 columns shows them as they are.
EPILOG = """
[bold]A first time[/bold]

hkplates up                       start PostgreSQL and Valkey on this machine
hkplates migrate                  make the tables
celery -A workers.app worker &    start a worker; as many as you like
hkplates submit /data/photos      or s3://bucket/prefix
hkplates status                   how far, what failed and why

[bold]Exit status[/bold]

0 done; 1 done, but some images failed; 2 wrong usage; 3 the source cannot
be read; 4 a service is away; 5 this machine is not set up; 130 interrupted.
What went wrong is one sentence on standard error.
"""

app = typer.Typer(
    help="Read Hong Kong number plates out of photo archives, with nothing lost.",
    epilog=EPILOG,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Number = Annotated[int, typer.Argument(help="Number of a submission; see: hkplates status")]
Reason = Annotated[
    str | None, typer.Option(help="Only images of this reason: missing, truncated, crashed ...")
]


@app.command(
    rich_help_panel="Run",
    epilog="[bold]Example[/bold]: hkplates submit s3://car-park/2026/07/ --name july",
)
def submit(
    source: Annotated[str, typer.Argument(help="s3://bucket/prefix, or a folder.")],
    name: Annotated[
        str | None, typer.Option(help="A name of your own; tells submissions apart.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the plates of all photographs in a bucket or a folder.

    Lists the source, sends its photographs to the workers a few at a time,
    and waits for the last. Interrupt it when you like: the same command goes
    on. Submitting again later sends only what is new, was changed or had
    failed, and says how many it skipped.

    Photographs are told by their endings: jpg, png, webp, tiff, bmp, heic ...
    """
    from producer.commands import run_submit

    raise typer.Exit(run_submit(source, name, _settings(), as_json=as_json))


@app.command(rich_help_panel="Run", epilog="[bold]Example[/bold]: hkplates dispatch --once")
def dispatch(
    once: Annotated[
        bool, typer.Option("--once", help="One round, for cron; prints what it did.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once, print one JSON object instead of text.")
    ] = False,
) -> None:
    """Keep the workers supplied, for all submissions, until it is stopped.

    Sends what waits, sends again what got lost, finishes submissions with
    nothing left, and logs when work stalls. With it running, `hkplates submit`
    may be interrupted once its source is listed. Several may run at once.
    """
    from producer.service import run_dispatch

    raise typer.Exit(run_dispatch(_settings(), once=once, as_json=as_json))


@app.command(rich_help_panel="Run", epilog="[bold]Example[/bold]: hkplates status 3 --json")
def status(
    submission: Annotated[
        int | None, typer.Argument(help="Number of a submission; without it, the latest ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how far submissions are, why images failed, and what to do next."""
    from producer.status import show_status

    raise typer.Exit(show_status(submission, _settings(), as_json=as_json))


@app.command(rich_help_panel="Run", epilog="[bold]Example[/bold]: hkplates failures 3 --csv")
def failures(
    submission: Annotated[
        int | None, typer.Argument(help="Number of a submission; without it, all.")
    ] = None,
    reason: Reason = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Images to list; without it all.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of text.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, one for each image.")
    ] = False,
) -> None:
    """List the images that failed or were set aside, and why.

    Those of the newest submission first, however many there are.
    """
    from producer.failures import show_failures

    if as_csv and as_json:
        raise typer.BadParameter("either --csv or --json")
    form: Literal["csv", "json", "text"] = "csv" if as_csv else "json" if as_json else "text"
    raise typer.Exit(show_failures(submission, reason, limit, form, _settings()))


@app.command(
    rich_help_panel="Run", epilog="[bold]Example[/bold]: hkplates retry 3 --reason missing"
)
def retry(
    submission: Annotated[
        int | None, typer.Argument(help="Number of a submission; without it, all.")
    ] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> None:
    """Try images again that failed or were set aside.

    They wait as if nobody had begun them. A running `hkplates dispatch` or
    `hkplates submit` sends them; those of a cancelled submission are left
    alone.
    """
    from producer.control import retry as run_retry

    raise typer.Exit(run_retry(submission, reason, _settings(), as_json=as_json))


@app.command(rich_help_panel="Run", epilog="[bold]Example[/bold]: hkplates pause 3")
def pause(submission: Number, as_json: Json = False) -> None:
    """Send no more of a submission, until it is resumed or submitted again.

    Workers finish the images that they have begun.
    """
    from producer.control import steer

    raise typer.Exit(steer("pause", submission, _settings(), as_json=as_json))


@app.command(rich_help_panel="Run", epilog="[bold]Example[/bold]: hkplates resume 3")
def resume(submission: Number, as_json: Json = False) -> None:
    """Let a paused submission go on."""
    from producer.control import steer

    raise typer.Exit(steer("resume", submission, _settings(), as_json=as_json))


@app.command(rich_help_panel="Run", epilog="[bold]Example[/bold]: hkplates cancel 3")
def cancel(submission: Number, as_json: Json = False) -> None:
    """End a submission: what waits will not be read.

    What was read stays. Submitting its source again begins anew, with what
    this left.
    """
    from producer.control import steer

    raise typer.Exit(steer("cancel", submission, _settings(), as_json=as_json))


@app.command(
    rich_help_panel="Ask", epilog="[bold]Example[/bold]: hkplates read *.jpg --draw drawn/"
)
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
    from producer.reading import read_photos

    settings = _settings()
    if reader is not None:
        settings = settings.model_copy(update={"reader": reader})
    raise typer.Exit(read_photos(photos, as_json, draw, settings))


@app.command(
    rich_help_panel="Set up", epilog="[bold]Example[/bold]: hkplates up && hkplates migrate"
)
def up(as_json: Json = False) -> None:
    """Start the embedded PostgreSQL and Valkey; they run until `hkplates down`.

    For one machine; a cluster names its servers in DATABASE_URL and
    CELERY_BROKER_URL.
    """
    from producer.commands import run_up

    raise typer.Exit(run_up(_settings(), as_json=as_json))


@app.command(rich_help_panel="Set up", epilog="[bold]Example[/bold]: hkplates down")
def down(as_json: Json = False) -> None:
    """Stop the embedded servers. What they hold stays."""
    from producer.commands import run_down

    raise typer.Exit(run_down(_settings(), as_json=as_json))


@app.command(
    rich_help_panel="Set up",
    epilog="[bold]Example[/bold]: DATABASE_URL=postgresql://... hkplates migrate",
)
def migrate(as_json: Json = False) -> None:
    """Bring the database's tables to what this version needs; harmless when they are."""
    from producer.commands import run_migrate

    raise typer.Exit(run_migrate(_settings(), as_json=as_json))


@app.command(rich_help_panel="Set up", epilog="[bold]Example[/bold]: hkplates health --json")
def health(as_json: Json = False) -> None:
    """Show whether the servers answer and work goes on; exit 0 if so.

    Exits 4 where a server is away or work is stalled, 5 where something is
    not set up: a container's health check.
    """
    from producer.health import show_health

    raise typer.Exit(show_health(_settings(), as_json=as_json))


@app.command(
    rich_help_panel="Ask",
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
        bool, typer.Option("--exact", help="Only marks that were read just so.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find a mark, or half a mark, also where it was misread, the likeliest first.

    Blanks and case do not count, I is 1 and O is 0. The score is how probable
    it is that the plate bears what you ask for; the reason stands beside it.
    Quote a mark with * or ? where your shell would take it for files.
    """
    from hkplates.database.search import Asked
    from producer.search import run_search

    asked = Asked(
        pattern=mark,
        since=filters.since(since),
        until=filters.until(until),
        prefix=filters.prefix(prefix),
        most=limit,
        look_alikes=not exact,
    )
    raise typer.Exit(run_search(asked, _settings(), as_json=as_json))


@app.command(
    rich_help_panel="Ask",
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
    from producer.psql import run_psql

    raise typer.Exit(run_psql(query, _settings(), as_csv=as_csv, as_json=as_json))


@app.command(
    rich_help_panel="Ask",
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
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
    as_json: Json = False,
) -> None:
    """Write the sightings to a file, for a colleague or another program.

    One row for each plate, with the columns of the view sightings, as they
    stand at one moment. A file or an object appears when it is whole, and any
    number of rows takes the same memory.
    """
    from hkplates.database.export import Wanted
    from producer.export import run_export

    wanted = Wanted(
        mark=filters.mark(mark),
        since=filters.since(since),
        until=filters.until(until),
        prefix=filters.prefix(prefix),
        submission=submission,
        region=region,
        min_confidence=min_confidence,
    )
    raise typer.Exit(run_export(output, form, wanted, _settings(), force=force, as_json=as_json))


@app.command(
    rich_help_panel="Run",
    epilog="[bold]Example[/bold]: hkplates reprocess --below 0.8 --limit 500",
)
def reprocess(
    below: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="A Hong Kong plate was read with less confidence."),
    ] = None,
    model: Annotated[
        int | None, typer.Option(help="Read last by this model version; see compare.")
    ] = None,
    mark: Annotated[
        str | None, typer.Option(help="? stands for one character, * for any number.")
    ] = None,
    submission: Annotated[int | None, typer.Option(help="Number of a submission.")] = None,
    prefix: filters.Prefix = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many at most, from all over the archive.")
    ] = None,
    all_images: Annotated[bool, typer.Option("--all", help="Every image.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell how many.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Leave the sending to `hkplates dispatch`.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run images again under the current model version.

    Images that this version has read already are left out; what narrows,
    narrows together. What was read before is kept, and shown until the new
    reading is whole. Interrupt it when you like: the same command goes on.
    What changed: hkplates compare
    """
    from hkplates.database.reprocess import Wanted
    from producer.reprocess import run_reprocess

    wanted = Wanted(
        below=below,
        model=model,
        mark=filters.mark(mark),
        submission=submission,
        prefix=filters.prefix(prefix),
        limit=limit,
    )
    status = run_reprocess(
        wanted,
        _settings(),
        all_images=all_images,
        dry_run=dry_run,
        wait=not no_wait,
        as_json=as_json,
    )
    raise typer.Exit(status)


@app.command(
    rich_help_panel="Ask",
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
    from producer.compare import run_compare

    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")
    form: Literal["text", "json", "csv"] = "csv" if as_csv else "json" if as_json else "text"
    settings = _settings()
    status = run_compare(old, new, settings, submission=submission, limit=limit, form=form)
    raise typer.Exit(status)


def _settings() -> "Settings":
    # Imported here: `hkplates --help` need not wait for it.
    from hkplates.settings import read_settings

    return read_settings()


def main() -> None:
    """Run the command line; every error of ours is one sentence and the status of its kind."""
    try:
        app(prog_name="hkplates")
    except HkplatesError as error:
        typer.echo(f"hkplates: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
