"""Prove that nothing is lost, by breaking everything: what `make faults` runs.

    python -m faults [--seed N] [--images N]

The images are always the same; the seed draws the schedule of faults. Ends with a table, and with
the exit status 1 on any difference.
"""

import argparse
import signal
import sys

from faults import schedule, table
from faults.end_to_end import Experiment, run_experiment
from faults.run import Plan
from rich.console import Console

from hkplates.settings import read_settings

IMAGES, SCENES = 3000, 120
IMAGES_SEED = 1
INTERRUPTED = 130
SETTINGS = {
    # Short, so that what must wait for a time limit or a lease need not wait for long.
    "HKPLATES_CHUNK_SECONDS": "10",
    "HKPLATES_LEASE_SECONDS": "40",
    "HKPLATES_CHUNK_IMAGES": "8",
    "HKPLATES_WINDOW_CHUNKS": "16",
    "HKPLATES_MAX_PROCESS_MEMORY": str(2 * 1024**3),
}


def main() -> int:
    """Runs the experiment of one seed; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="of the schedule of faults")
    parser.add_argument("--images", type=int, default=IMAGES)
    options = parser.parse_args()
    # `kill` and Ctrl-C end it in the same way: through the clean-ups below.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    folder = read_settings().data_folder / "faults"
    experiment = Experiment(
        images=options.images,
        scenes=max(8, round(SCENES * options.images / IMAGES)),
        images_seed=IMAGES_SEED,
        seed=options.seed,
        plan=Plan(schedule.draw(options.seed), SETTINGS),
        folder=folder,
    )
    try:
        verdict = run_experiment(experiment, lambda line: console.print(line, markup=False))
    except KeyboardInterrupt:
        console.print("Interrupted; what was started is stopped.")
        return INTERRUPTED
    table.print_verdict(verdict, experiment, console)
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
