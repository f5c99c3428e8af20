"""Shares with the parent, through memory, the image that each process of a worker is at.

A process that is killed says nothing more. Its parent must know which image was the cause, and a
message names 24. So a child writes the image's id into memory shared with its parent before it
processes the image. There is one slot for each process id that there may be: a killed child's slot
is still there when its parent learns of the death, after another child has taken its place.
"""

import mmap
import os

MAX_PROCESSES = 2**22
"""Linux numbers no process higher."""
SLOT_BYTES = 8

# Mapped when imported: by the parent, before it forks. Pages that nobody touches take no memory.
_table = mmap.mmap(-1, MAX_PROCESSES * SLOT_BYTES)


def set_current(image_id: int) -> None:
    """Records the image that this process is at; 0 for none."""
    _write(os.getpid(), image_id)


def pop_current(process_id: int | None) -> int:
    """Returns the image that a process was at when it ended, and clears it; 0 for none."""
    if process_id is None:
        return 0
    start = _start(process_id)
    image_id = int.from_bytes(_table[start : start + SLOT_BYTES], "little")
    _write(process_id, 0)
    return image_id


def _write(process_id: int, image_id: int) -> None:
    start = _start(process_id)
    _table[start : start + SLOT_BYTES] = image_id.to_bytes(SLOT_BYTES, "little")


def _start(process_id: int) -> int:
    return process_id % MAX_PROCESSES * SLOT_BYTES
