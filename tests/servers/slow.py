"""The Celery application with a detector that suffers from pictures of certain widths, in pixels.

77: it hangs until it is interrupted. 78: it hangs so that nothing short of a kill helps. 79: it
takes memory without end. 80: it touches what is not its own, and the kernel ends the process.
"""

import ctypes
import signal
import time

from hkplates.recognition import recogniser
from hkplates.recognition.reading.no_reader import NoReader
from hkplates.recognition.types import Detection, Photo
from workers.app import app

__all__ = ["app"]

INTERRUPTED, KILLED, HUNGRY, CRASHING = 77, 78, 79, 80
PIECE = 64 * 1024 * 1024  # bytes


class SlowDetector:
    """Finds nothing."""

    sha256 = "slow"

    def detect(self, photo: Photo) -> list[Detection]:
        """As a loop in C would, the second one hears no signal."""
        width = photo.shape[1]
        if width == KILLED:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if width in (INTERRUPTED, KILLED):
            time.sleep(60)
        if width == CRASHING:
            ctypes.string_at(0)
        pieces = []
        while width == HUNGRY:
            pieces.append(bytearray(PIECE))
        return []


def open_recogniser(*_: object) -> recogniser.Recogniser:
    """No model to load."""
    return recogniser.Recogniser(SlowDetector(), NoReader())


recogniser.open_recogniser = open_recogniser
