"""Reads what command lines name."""

import argparse
from pathlib import Path


def folder_name(text: str) -> Path:
    """Returns a folder that a command line names.

    Raises:
        argparse.ArgumentTypeError: the name is empty, which would be the folder one is in.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty, expected that of a folder")
    return Path(text)
