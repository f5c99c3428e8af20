"""The Celery application in which pictures of three widths are poison, as to a decoder with a bug.

One makes the process touch what is not its memory, and the kernel shoot it; one makes it hang where
no signal reaches it; one makes it take memory without end. What its store never serves is given up
after fewer returns, since the real ones take most of an hour.
"""

import ctypes
import os
import signal
import time

from servers.poison import HANG, MEMORY, SEGFAULT

from hkplates.database.ledger import claims
from hkplates.recognition.images.decode import Photograph, decode
from workers.app import app
from workers.chunk import pipeline

__all__ = ["app"]

PIECE = 16 * 1024 * 1024  # bytes


def decode_or_suffer(data: bytes, *, max_pixels: int) -> Photograph:
    """As `decode`, but for the poison."""
    photograph = decode(data, max_pixels=max_pixels)
    width = photograph.pixels.shape[1]
    if width == SEGFAULT:
        ctypes.string_at(0)
    elif width == HANG:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(600)
    elif width == MEMORY:
        taken = []  # Pieces that stay where they are: reached in time on a loaded machine.
        while True:
            taken.append(b"\1" * PIECE)
    return photograph


pipeline.decode = decode_or_suffer
claims.MOST_RETURNS = int(os.environ.get("MOST_RETURNS", "3"))
