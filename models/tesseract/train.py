"""Train Tesseract's LSTM on the rows of plates.

    python -m models.tesseract.train --data DATA [--folder FOLDER] [--iterations N]

In rounds: while Tesseract's own trainer works on the lines that are there, those of the next round
are drawn. Stopped, the same command goes on. Debian's tesseract-ocr brings the trainer along.
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

from models.reader.dataset import Mixture, mixture
from models.tesseract import language, pages
from models.tesseract.samples import Rows

CONFIG = Path(__file__).with_name("config.yaml")
LINES_OF_A_FILE = 1000

Config = Mapping[str, Any]


class Training:
    """One training in its folder: lines/, checkpoints, log.jsonl."""

    def __init__(self, config: Config, data: Path, folder: Path, fonts: list[Path]) -> None:
        self._config, self._data, self._folder, self._fonts = config, data, folder, fonts
        self._lines = folder / "lines"
        self._lines.mkdir(parents=True, exist_ok=True)
        self._start = language.make(folder / "language")

    @property
    def checkpoint(self) -> Path:
        """What the trainer goes on from."""
        return self._folder / "hkplates_checkpoint"

    def run(self) -> None:
        """Train until the configured iterations are done."""
        self._draw(self._round)
        while (done := self._done) < self._config["iterations"]:
            number, begun = self._round, time.monotonic()
            trainer = self._trainer(min(done + self._config["round"], self._config["iterations"]))
            self._draw(number + 1)
            told, _ = trainer.communicate()
            if trainer.returncode:
                raise SystemExit(f"lstmtraining failed:\n{told[-2000:]}")
            self._note(told, (time.monotonic() - begun) / 60)

    @property
    def _history(self) -> list[dict[str, Any]]:
        path = self._folder / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def _done(self) -> int:
        history = self._history
        return history[-1]["iterations"] if history else 0

    @property
    def _round(self) -> int:
        return len(self._history)

    def _draw(self, number: int) -> None:
        """The lines of a round, unless they are there; those of the oldest round make room."""
        if not list(self._lines.glob(f"{number:04}-*.lstmf")):
            config = self._config
            rows = Rows(self._data, config["seed"] + number, config["holdout"], self._fonts)
            endless = rows.pages(self._mixture(number))
            for part in range(max(1, config["lines"] // LINES_OF_A_FILE)):
                few = itertools.islice(endless, min(config["lines"], LINES_OF_A_FILE))
                unfinished = self._lines / "unfinished"
                pages.write(unfinished, few)
                unfinished.rename(self._lines / f"{number:04}-{part:02}.lstmf")
        for path in self._lines.glob("*.lstmf"):
            if int(path.name[:4]) <= number - self._config["kept"]:
                path.unlink()

    def _mixture(self, number: int) -> Mixture:
        """What the lines of a round are like."""
        progress = number * self._config["round"] / self._config["iterations"]
        phases = self._config["phases"]
        phase = next((one for one in phases if progress < one["until"]), phases[-1])
        return mixture({name: value for name, value in phase.items() if name != "until"})

    def _trainer(self, until: int) -> "subprocess.Popen[str]":
        listing = self._folder / "lines.txt"
        # Oldest last: the trainer takes one line of each file in turn.
        files = sorted(self._lines.glob("*.lstmf"), reverse=True)
        listing.write_text("".join(f"{path}\n" for path in files), encoding="utf-8")
        options = {
            "model_output": self._folder / "hkplates",
            "train_listfile": listing,
            "traineddata": self._start,
            "max_iterations": until,
            "learning_rate": self._config["learning_rate"],
            "net_spec": self._config["network"],
            # What is read right teaches little and costs as much: of such lines a part is enough.
            "perfect_sample_delay": self._config["perfect_sample_delay"],
        }
        command = ["lstmtraining"]
        command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )  # fmt: skip

    def _note(self, told: str, minutes: float) -> None:
        """What the trainer said last, as a line of log.jsonl."""
        found = re.findall(
            r"iteration (\d+)/(\d+)/.*?BCER train=([\d.]+)%, BWER train=([\d.]+)%", told
        )
        if not found:
            raise SystemExit(f"lstmtraining told nothing:\n{told[-2000:]}")
        line = {
            "iterations": int(found[-1][1]),
            "character_errors": float(found[-1][2]),
            "rows_wrong": float(found[-1][3]),
            "minutes": round(minutes, 2),
        }
        print(json.dumps(line), flush=True)
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as log:
            print(json.dumps(line), file=log)


def main() -> None:
    """The command line."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--data", type=Path, required=True, help="folder with train/, backgrounds/")
    cli.add_argument("--folder", type=Path, default=Path(".train/tesseract"))
    cli.add_argument("--fonts", type=Path, action="append", help="further typeface folders")
    cli.add_argument("--config", type=Path, default=CONFIG)
    cli.add_argument("--iterations", type=int)
    cli.add_argument("--round", type=int, help="iterations between two measurements")
    cli.add_argument("--lines", type=int, help="lines drawn for each round")
    given = cli.parse_args()
    cv2.setNumThreads(1)
    config = yaml.safe_load(given.config.read_text(encoding="utf-8"))
    for name in ("iterations", "round", "lines"):
        config[name] = getattr(given, name) or config[name]
    Training(config, given.data, given.folder, given.fonts or [given.data / "fonts"]).run()


if __name__ == "__main__":
    main()
