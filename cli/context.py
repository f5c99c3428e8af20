"""What the commands do with the settings: open what they need, call it, print, close."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hkplates.database.engine import open_engine

if TYPE_CHECKING:
    pass

INTERRUPTED = 130
PIPE_BROKEN = 141
"""As a shell says it of a program that wrote to one that had ended."""


@contextmanager
def opened_engine(url: str) -> Iterator[sa.Engine]:
    """An engine whose connections are closed at the end."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
