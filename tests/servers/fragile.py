"""The Celery application whose process dies at the sight of a picture 77 pixels wide."""

import os
import signal

from hkplates.recognition.recogniser import Recogniser
from hkplates.recognition.types import DetectedPlate, Photo
from workers.app import app

__all__ = ["app"]

find = Recogniser.find


def find_or_die(self: Recogniser, photo: Photo) -> list[DetectedPlate]:
    """As a decoder with a bug would, without a word."""
    if photo.shape[1] == 77:
        os.kill(os.getpid(), signal.SIGKILL)
    return find(self, photo)


Recogniser.find = find_or_die  # type: ignore[method-assign]
