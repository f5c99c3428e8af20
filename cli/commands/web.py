"""The commands that serve the page and make its logins and tokens."""

from typing import Annotated, Literal

import typer

from cli.commands.options import settings

app = typer.Typer(rich_markup_mode="rich")

Name = Annotated[str, typer.Argument(help="Letters, digits and . _ @ + -")]
Role = Annotated[
    Literal["reader", "reviewer"],
    typer.Option(help="A reader sees; a reviewer also reviews and steers."),
]


@app.command(epilog="[bold]Example[/bold]: hkplates web --port 8080")
def web(
    host: Annotated[str, typer.Option(help="Where to listen; elsewhere people log in.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    trusted_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that the page goes by; may be repeated."),
    ] = None,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="A proxy with TLS, or a network of them, whose word about who asks is believed.",
        ),
    ] = None,
) -> None:
    """Serve the page: submissions live, search, the photo behind every reading, review.

    On this machine alone nobody logs in. Elsewhere those do whom
    HKPLATES_WEB_USERS names; hkplates web-password makes its entries.
    """
    from cli.machine.web import run_web
    from web.listen_address import ListenAddress

    place = ListenAddress(host, port, tuple(trusted_host or ()), tuple(behind_proxy or ()))
    raise typer.Exit(run_web(settings(), place))


@app.command(
    "web-password",
    epilog="[bold]Example[/bold]: hkplates web-password ada --role reviewer",
)
def web_password(
    name: Name,
    role: Role = "reader",
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Make an entry of HKPLATES_WEB_USERS: somebody who may log in to the page.

    Asks for the password twice, and prints the entry with its hash.
    """
    from cli.machine.web import make_password

    raise typer.Exit(make_password(name, role, from_stdin=from_stdin))


@app.command(
    "web-token",
    epilog="[bold]Example[/bold]: hkplates web-token dashboard --role reader",
)
def web_token(name: Name, role: Role = "reader") -> None:
    """Make a token for a program that asks the page's API, and its entry of HKPLATES_WEB_TOKENS."""
    from cli.machine.web import make_token

    raise typer.Exit(make_token(name, role))
