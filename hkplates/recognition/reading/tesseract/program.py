"""Finds the `tesseract` program and asks it for its version; standard library only."""

import subprocess
from shutil import which

from hkplates.errors import TesseractMissing

PROGRAM = "tesseract"

INSTALL = (
    "install it (Debian and Ubuntu: apt-get install tesseract-ocr; macOS: brew install tesseract)"
)

SECONDS = 60.0
"""Time that one call of the program may take."""


def is_installed() -> bool:
    """Checks whether the program is on PATH."""
    return which(PROGRAM) is not None


def program_version(seconds: float = SECONDS) -> str:
    """Returns the first line of `tesseract --version` without the program's name: "5.3.0".

    Raises:
        TesseractMissing: the program is not on PATH, or does not start.
    """
    if not is_installed():
        raise TesseractMissing(f"the tesseract program is not on PATH; {INSTALL}")
    try:
        printed = subprocess.run(
            [PROGRAM, "--version"], capture_output=True, check=True, timeout=seconds
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise TesseractMissing(
            f"the tesseract program does not start ({error}); {INSTALL}"
        ) from None
    return printed.decode("utf-8", "replace").partition("\n")[0].removeprefix("tesseract ").strip()
