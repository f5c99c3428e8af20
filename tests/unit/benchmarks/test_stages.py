"""What a photograph costs, with stages that are known."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.stages import Cost, measure_stages, sample_evenly


def busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class SlowToRead:
    """Finds two plates at once and reads for some milliseconds."""

    def find(self, photo):
        return [None, None]

    def read(self, found):
        busy(0.02)
        return found


def test_the_time_is_told_where_it_is_spent(tmp_path: Path) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.write_bytes(b"x")

    cost = measure_stages(files, lambda data: np.zeros((4, 4, 3), np.uint8), SlowToRead())

    assert (cost.photographs, cost.plates) == (2, 4)
    assert cost.read >= 20 > cost.find + cost.decode


class ReadsInAnotherProcess(SlowToRead):
    def read(self, found):
        burn = "import time\nwhile time.process_time() < 0.2: pass"
        subprocess.run([sys.executable, "-c", burn], check=True)
        return found


def test_the_time_of_programs_that_are_started_counts(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")

    cost = measure_stages(
        [tmp_path / "a.jpg"], lambda data: np.zeros((4, 4, 3), np.uint8), ReadsInAnotherProcess()
    )

    assert cost.read >= 200


def test_the_stages_are_told_in_one_line() -> None:
    told = Cost(40, 55, 3.0, 50.0, 7.25).in_words()
    assert told.startswith("CPU a photograph, 55 plates on 40: 60.2 ms (decode 3.0, find")


def test_some_are_taken_from_the_whole_folder() -> None:
    files = [Path(str(number)) for number in range(128)]
    chosen = sample_evenly(files, 40)
    assert 20 <= len(chosen) <= 40
    assert (chosen[0], chosen[-1]) == (files[0], files[124])
    assert sample_evenly(files[:3], 40) == files[:3]
