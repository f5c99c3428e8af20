"""`hkplates web`, `web-password` and `web-token`: serve the page and make its logins."""

import signal
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

from hkplates import logs
from hkplates.errors import RuntimeMissing
from hkplates.exit_status import ExitStatus
from hkplates.settings import Settings
from hkplates.signals import StopSignal

if TYPE_CHECKING:
    from web.auth.principal import Role
    from web.listen_address import ListenAddress

REQUIRED_PACKAGES = ("argon2", "fastapi", "itsdangerous", "jinja2", "uvicorn")
ENTRY_HINT = (
    "Put this line into {variable}, beside what stands there already: entries are parted by commas "
    "or lines. In a file, in single quotes."
)


def run_web(settings: Settings, place: "ListenAddress") -> int:
    """Serves the page until it is stopped; returns the exit status.

    Raises:
        RuntimeMissing: the extra `web` is not installed.
    """
    require_web()
    from cli.submissions.next_steps import format_step
    from web.server import serve

    logs.configure(settings.log_level)
    stop = StopSignal()
    stop.install_handlers()  # the server polls it and ends in order
    serve(
        settings,
        place,
        format_step,
        lambda line: typer.echo(line, err=True),
        lambda: stop.requested,
    )
    return ExitStatus.INTERRUPTED if stop.signal == signal.SIGINT else ExitStatus.DONE


def make_password(name: str, role: "Role", *, from_stdin: bool) -> int:
    """Runs `hkplates web-password`; returns the exit status.

    Raises:
        typer.BadParameter: the name or the password cannot be used.
    """
    require_web()
    from web.auth.credentials import USERS, user_entry

    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else _prompt_password()
    try:
        entry = user_entry(name, role, password)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(ENTRY_HINT.format(variable=USERS), err=True)
    typer.echo(entry)
    return ExitStatus.DONE


def make_token(name: str, role: "Role") -> int:
    """Runs `hkplates web-token`; returns the exit status.

    Raises:
        typer.BadParameter: the name cannot be used.
    """
    require_web()
    from web.auth.credentials import TOKENS, token_entry

    try:
        token, entry = token_entry(name, role)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"The token, which is shown this once: give it to {name}, and to nobody else.")
    typer.echo(f"  {token}")
    typer.echo(ENTRY_HINT.format(variable=TOKENS))
    typer.echo(f"  {entry}")
    return ExitStatus.DONE


def require_web() -> None:
    """Checks that the packages of the extra `web` are installed.

    Raises:
        RuntimeMissing: one is not.
    """
    for name in REQUIRED_PACKAGES:
        if find_spec(name) is None:
            raise RuntimeMissing(
                f"The page needs {name}, which is not installed. Run: pip install 'hkplates[web]'"
            )


def _prompt_password() -> str:
    """Prompts for a password twice, without showing it."""
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
