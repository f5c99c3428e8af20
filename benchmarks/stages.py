"""Measures a photograph's cost by stage: CPU time of a process and of those that it starts."""

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from hkplates.recognition.types import DetectedPlate, Photo, PlateReading

PHOTOGRAPHS = 40  # of a folder, evenly: enough for two digits


class RecogniserStages(Protocol):
    """A recogniser as its two stages."""

    def find(self, photo: Photo) -> list[DetectedPlate]: ...
    def read(self, found: Sequence[DetectedPlate]) -> list[PlateReading]: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds a photograph: decoding, finding and cutting out, reading."""

    photographs: int
    plates: int
    decode: float
    find: float
    read: float

    def in_words(self) -> str:
        """One line for a person."""
        whole = self.decode + self.find + self.read
        return (
            f"CPU a photograph, {self.plates} plates on {self.photographs}: {whole:.1f} ms "
            f"(decode {self.decode:.1f}, find and cut out {self.find:.1f}, read {self.read:.1f})"
        )


def sample_evenly(files: Sequence[Path], most: int = PHOTOGRAPHS) -> list[Path]:
    """At most so many of the files, from the whole folder evenly."""
    step = max(1, -(-len(files) // most))
    return list(files[::step])


def measure_stages(
    files: Sequence[Path], decode: Callable[[bytes], Photo], stages: RecogniserStages
) -> Cost:
    """Measures the cost of each file."""
    cv2.setNumThreads(1)  # as workers have it: one process for each core
    # Once beforehand: what is built at the first use belongs to no photograph.
    stages.read(stages.find(decode(files[0].read_bytes())))
    spent, plates = [0.0, 0.0, 0.0], 0
    for path in files:
        data = path.read_bytes()
        times = [_cpu_seconds()]
        photo = decode(data)
        times.append(_cpu_seconds())
        found = stages.find(photo)
        times.append(_cpu_seconds())
        stages.read(found)
        times.append(_cpu_seconds())
        for stage in range(3):
            spent[stage] += times[stage + 1] - times[stage]
        plates += len(found)
    return Cost(len(files), plates, *(1000 * seconds / len(files) for seconds in spent))


def _cpu_seconds() -> float:
    """Returns the CPU seconds of this process and of its ended children, such as Tesseract."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
