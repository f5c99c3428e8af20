"""Chunks of small pictures, sent to workers without a producer."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
from celery import Celery

from hkplates.database.engine import open_engine
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.ledger.intake import Intake
from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK, Chunk
from hkplates.storage.folder import FolderStore

LEASE = 900  # seconds


def draw(folder: Path, widths: Mapping[str, int]) -> Path:
    """Black pictures of these names and widths, in pixels."""
    folder.mkdir(exist_ok=True)
    for name, width in widths.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((20, width, 3), np.uint8))
    return folder


def submit(database_url: str, folder: Path) -> int:
    """Make the pictures of a folder rows, pending; the number of their submission."""
    engine = open_engine(database_url)
    intake = Intake(engine)
    submission = intake.open_submission(f"folder {folder}")
    entries = FolderStore().list(str(folder), "")
    intake.add_images(submission.id, "folder", str(folder), entries)
    intake.listing_finished(submission.id)
    engine.dispose()
    return submission.id


def send(database_url: str, broker_url: str, size: int = 24) -> int:
    """Send what is pending, in chunks; how many images that is."""
    engine = open_engine(database_url)
    images = Dispatch(engine).take_pending(1000, LEASE)
    engine.dispose()
    with closing(Celery(broker=broker_url, set_as_current=False)) as sender:
        for first in range(0, len(images), size):
            message = Chunk(tuple(images[first : first + size])).to_message()
            sender.send_task(TASK_RECOGNISE_CHUNK, args=[message], queue=QUEUE)
    return len(images)
