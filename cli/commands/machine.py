"""The commands that set a machine up and check its health."""

from typing import Annotated

import typer

from cli.commands.options import Json, settings

app = typer.Typer(rich_markup_mode="rich")


@app.command(epilog="[bold]Example[/bold]: hkplates up && hkplates migrate")
def up(as_json: Json = False) -> None:
    """Start the embedded PostgreSQL and Valkey; they run until `hkplates down`.

    For one machine; a cluster names its servers in DATABASE_URL and
    CELERY_BROKER_URL.
    """
    from cli.machine.servers import run_up

    raise typer.Exit(run_up(settings(), as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates down")
def down(as_json: Json = False) -> None:
    """Stop the embedded servers. What they hold stays."""
    from cli.machine.servers import run_down

    raise typer.Exit(run_down(settings(), as_json=as_json))


@app.command(
    epilog="[bold]Example[/bold]: DATABASE_URL=postgresql://... hkplates migrate",
)
def migrate(
    writer_login: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Also make a login for workers and producers."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the database's tables to what this version needs; harmless when they are.

    A login made with --writer-login may read and write rows and change no table;
    its password is what HKPLATES_WRITER_PASSWORD says, also where it was there.
    """
    from cli.machine.servers import run_migrate

    raise typer.Exit(run_migrate(settings(), writer_login, as_json=as_json))


@app.command(epilog="[bold]Example[/bold]: hkplates health --json")
def health(as_json: Json = False) -> None:
    """Show whether the servers answer and work goes on; exit 0 if so.

    Exits 4 where a server is away or work is stalled, 5 where something is
    not set up: a container's health check.
    """
    from cli.machine.health import show_health

    raise typer.Exit(show_health(settings(), as_json=as_json))
