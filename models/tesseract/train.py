"""Trains Tesseract's LSTM on the rows of plates.

    python -m models.tesseract.train --data DATA [--folder FOLDER] [--iterations N]

Works in rounds: while Tesseract's own trainer runs on the lines of one round, those of the next are
generated. Stopped, the same command goes on. Debian's tesseract-ocr brings the trainer along.
"""

import argparse
import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import yaml

from models.reader.dataset import Mixture, parse_mixture
from models.reader.photo_crops import HeldOut
from models.tesseract import lstmf, traineddata
from models.tesseract.samples import LineGenerator

CONFIG = Path(__file__).with_name("config.yaml")
LINES_PER_FILE = 1000

Config = Mapping[str, Any]


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Reads log.jsonl in the folder of a training, a line for each round."""
    path = folder / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Training:
    """One training in its folder: lines/, checkpoints, log.jsonl."""

    def __init__(self, config: Config, data: Path, folder: Path, fonts: list[Path]) -> None:
        self._config, self._data, self._folder, self._fonts = config, data, folder, fonts
        self._lines = folder / "lines"
        self._lines.mkdir(parents=True, exist_ok=True)
        self._start = traineddata.write_starter(folder / "language")

    def run(self) -> None:
        """Trains until the configured iterations are done."""
        self._prepare_round(len(self._history))
        while self._done < self._config["iterations"]:
            begun = time.monotonic()
            trainer = self._start_trainer()
            self._prepare_round(len(self._history) + 1)
            printed, _ = trainer.communicate()
            if trainer.returncode:
                raise SystemExit(f"lstmtraining failed:\n{printed[-2000:]}")
            self._log_round(printed, (time.monotonic() - begun) / 60)

    @property
    def _history(self) -> list[dict[str, Any]]:
        return read_log(self._folder)

    @property
    def _done(self) -> int:
        return max((line["iterations"] for line in self._history), default=0)

    @property
    def _iterations_before(self) -> int:
        """Returns the iterations of earlier phases: the trainer counts the current one's alone."""
        phase = self._phase(self._done)
        return max((x["iterations"] for x in self._history if x["phase"] < phase), default=0)

    def _phase(self, done: int) -> int:
        """Returns the number of the phase that follows so many iterations."""
        phases, progress = self._config["phases"], done / self._config["iterations"]
        fitting = (number for number, one in enumerate(phases) if progress < one["until"])
        return next(fitting, len(phases) - 1)

    def _checkpoint(self, phase: int) -> Path:
        return self._folder / f"phase{phase}_checkpoint"

    def _prepare_round(self, number: int) -> None:
        """Writes the lines of a round, unless they exist, and deletes those of the oldest round."""
        if not list(self._lines.glob(f"{number:04}-*.lstmf")):
            config = self._config
            generator = LineGenerator(
                self._data, config["seed"] + number, HeldOut(*config["held_out"]), self._fonts
            )
            endless = generator.pages(self._mixture(number), config["plain"])
            for part in range(max(1, config["lines"] // LINES_PER_FILE)):
                few = itertools.islice(endless, min(config["lines"], LINES_PER_FILE))
                unfinished = self._lines / "unfinished"
                lstmf.write_pages(unfinished, few)
                unfinished.rename(self._lines / f"{number:04}-{part:02}.lstmf")
        for path in self._lines.glob("*.lstmf"):
            if int(path.name[:4]) <= number - self._config["kept"]:
                path.unlink()

    def _mixture(self, number: int) -> Mixture:
        """Returns the mixture of the lines of a round."""
        phase = self._config["phases"][self._phase(number * self._config["round"])]
        others = ("until", "learning_rate")
        return parse_mixture({name: value for name, value in phase.items() if name not in others})

    def _start_trainer(self) -> "subprocess.Popen[str]":
        """Starts Tesseract's trainer on the next round."""
        config, phase = self._config, self._phase(self._done)
        listing = self._folder / "lines.txt"
        # The newest first: the trainer takes one line of each file in turn.
        files = sorted(self._lines.glob("*.lstmf"), reverse=True)
        listing.write_text("".join(f"{path}\n" for path in files), encoding="utf-8")
        until = min(self._done + config["round"], config["iterations"]) - self._iterations_before
        options = {
            "model_output": self._folder / f"phase{phase}",
            "train_listfile": listing,
            "traineddata": self._start,
            "max_iterations": until,
            "learning_rate": config["phases"][phase]["learning_rate"],
            "net_spec": config["network"],
            # Lines read right teach little and cost as much: a part of them is enough.
            "perfect_sample_delay": config["perfect_sample_delay"],
        }
        command = ["lstmtraining"]
        if phase and self._checkpoint(phase - 1).exists():
            # Ignored by the trainer where the phase has a checkpoint of its own.
            options["continue_from"] = self._checkpoint(phase - 1)
            command.append("--reset_learning_rate")
        command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )

    def _log_round(self, printed: str, minutes: float) -> None:
        """Writes the last figures that the trainer printed as a line of log.jsonl."""
        found = re.findall(
            r"iteration (\d+)/(\d+)/.*?BCER train=([\d.]+)%, BWER train=([\d.]+)%", printed
        )
        if not found:
            raise SystemExit(f"lstmtraining printed no figures:\n{printed[-2000:]}")
        line = {
            "phase": self._phase(self._done),
            "iterations": int(found[-1][1]) + self._iterations_before,
            "character_errors": float(found[-1][2]),
            "rows_wrong": float(found[-1][3]),
            "minutes": round(minutes, 2),
        }
        print(json.dumps(line), flush=True)
        for best in self._folder.glob("phase*_[0-9]*.checkpoint"):
            best.unlink()  # the trainer keeps a copy at every record; the last state is enough
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as log:
            print(json.dumps(line), file=log)


def main() -> None:
    """Parses the command line and trains."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True, help="folder with train/, backgrounds/")
    cli.add_argument("--folder", type=Path, default=Path(".train/tesseract"))
    cli.add_argument("--fonts", type=Path, action="append", help="further typeface folders")
    cli.add_argument("--config", type=Path, default=CONFIG)
    cli.add_argument("--iterations", type=int)
    cli.add_argument("--round", type=int, help="iterations between two measurements")
    cli.add_argument("--lines", type=int, help="lines generated for each round")
    given = cli.parse_args()
    cv2.setNumThreads(1)
    config = yaml.safe_load(given.config.read_text(encoding="utf-8"))
    for name in ("iterations", "round", "lines"):
        config[name] = getattr(given, name) or config[name]
    Training(config, given.data, given.folder, given.fonts or [given.data / "fonts"]).run()


if __name__ == "__main__":
    main()
