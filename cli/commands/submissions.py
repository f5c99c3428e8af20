"""The commands that create submissions, control them and report their progress."""

from typing import Annotated, Literal

import typer

from cli.commands import filters
from cli.commands.options import Json, Reason, SubmissionNumber, settings

app = typer.Typer(rich_markup_mode="rich")


@app.command(
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
    from cli.submissions.submit import run_submit

    raise typer.Exit(run_submit(source, name, settings(), as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates dispatch --once")
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
    from cli.submissions.dispatch import run_dispatch

    raise typer.Exit(run_dispatch(settings(), once=once, as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates status 3 --json")
def status(
    submission: Annotated[
        int | None, typer.Argument(help="Number of a submission; without it, the latest ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how far submissions are, why images failed, and what to do next."""
    from cli.submissions.status import show_status

    raise typer.Exit(show_status(submission, settings(), as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates failures 3 --csv")
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
    from cli.submissions.failures import show_failures

    if as_csv and as_json:
        raise typer.BadParameter("either --csv or --json")
    form: Literal["csv", "json", "text"] = "csv" if as_csv else "json" if as_json else "text"
    raise typer.Exit(show_failures(submission, reason, limit, form, settings()))


@app.command(epilog="[bold]Example[/bold]: hkplates retry 3 --reason missing")
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
    from cli.submissions.control import run_retry

    raise typer.Exit(run_retry(submission, reason, settings(), as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates pause 3")
def pause(submission: SubmissionNumber, as_json: Json = False) -> None:
    """Send no more of a submission, until it is resumed or submitted again.

    Workers finish the images that they have begun.
    """
    from cli.submissions.control import change_state

    raise typer.Exit(change_state("pause", submission, settings(), as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates resume 3")
def resume(submission: SubmissionNumber, as_json: Json = False) -> None:
    """Let a paused submission go on."""
    from cli.submissions.control import change_state

    raise typer.Exit(change_state("resume", submission, settings(), as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates cancel 3")
def cancel(submission: SubmissionNumber, as_json: Json = False) -> None:
    """End a submission: what waits will not be read.

    What was read stays. Submitting its source again begins anew, with what
    this left.
    """
    from cli.submissions.control import change_state

    raise typer.Exit(change_state("cancel", submission, settings(), as_json=as_json))


@app.command(
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
    from cli.submissions.reprocess import run_reprocess
    from hkplates.database.ledger.reprocess import ReprocessFilter
    from hkplates.database.sighting_filter import SightingFilter

    sightings = SightingFilter(
        below=below,
        mark=filters.mark(mark),
        submission=submission,
        prefix=filters.prefix(prefix),
    )
    wanted = ReprocessFilter(sightings, model, limit)
    status = run_reprocess(
        wanted,
        settings(),
        all_images=all_images,
        dry_run=dry_run,
        wait=not no_wait,
        as_json=as_json,
    )
    raise typer.Exit(status)
