"""Options that several commands share, and the settings that a command reads when it runs."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hkplates.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
SubmissionNumber = Annotated[
    int, typer.Argument(help="Number of a submission; see: hkplates status")
]
Reason = Annotated[
    str | None, typer.Option(help="Only images of this reason: missing, truncated, crashed ...")
]


def settings() -> "Settings":
    """Returns the settings, read from the environment now.

    Raises:
        SettingInvalid: a variable cannot be used as it stands.
    """
    # Imported here: `hkplates --help` need not wait for it.
    from hkplates.settings import read_settings

    return read_settings()
