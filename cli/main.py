"""The `hkplates` command: gathers the commands and turns errors into exit statuses.

`cli/commands/` declares what can be typed, grouped by purpose; each command imports what it runs
when it is typed, so that `hkplates --help` starts at once.
"""

import sys

import typer

from cli.commands import machine, sightings, submissions, web
from hkplates.errors import HkplatesError

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
for panel, group in (("Run", submissions), ("Ask", sightings), ("Page", web), ("Set up", machine)):
    for command in group.app.registered_commands:
        command.rich_help_panel = panel
    app.add_typer(group.app)


def main() -> None:
    """Runs the command line; prints each `HkplatesError` as one sentence and exits with its status.

    Raises:
        SystemExit: always, with one of `ExitStatus` or what psql returned.
    """
    try:
        app(prog_name="hkplates")
    except HkplatesError as error:
        typer.echo(f"hkplates: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
