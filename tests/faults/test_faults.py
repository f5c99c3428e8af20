"""The two-minute version of `make faults`: one fault of each kind at fixed points of the work."""

import sys
from pathlib import Path

import pytest
from faults import schedule, table
from faults.end_to_end import Experiment, run_experiment
from faults.run import Plan
from rich.console import Console

IMAGES, SCENES = 150, 8
SETTINGS = {
    "HKPLATES_CHUNK_SECONDS": "6",
    "HKPLATES_LEASE_SECONDS": "25",
    "HKPLATES_CHUNK_IMAGES": "4",
    "HKPLATES_WINDOW_CHUNKS": "8",
    "HKPLATES_MAX_PROCESS_MEMORY": str(1024**3),
    "MOST_RETURNS": "2",
}


@pytest.mark.timeout(900)
def test_whatever_is_broken_every_image_ends_once_as_it_must(tmp_path: Path) -> None:
    plan = Plan(schedule.fixed(), SETTINGS, seconds=600, s3_fault_seconds=4)
    experiment = Experiment(
        IMAGES, SCENES, images_seed=1, seed=1, plan=plan, folder=tmp_path, cache_baseline=False
    )
    console = Console(file=sys.stdout, width=120, highlight=False)
    verdict = run_experiment(experiment, lambda line: console.print(line, markup=False))
    table.print_verdict(verdict, experiment, console)  # pytest shows it where something is wrong
    assert not verdict.wrong
