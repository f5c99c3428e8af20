"""Draws the curves of a training: python -m models.reader.curves [--folder FOLDER]"""

import argparse
import json
from pathlib import Path

import numpy as np

from models.training_curves import Curve, draw_curves

SHARES = ("true slots", "true ctc", "shaken slots", "shaken ctc")


def draw(folder: Path) -> Path:
    """Writes curves.png (shares read exactly, slots' loss) from log.jsonl; returns its path."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    samples = np.array([row["samples"] for row in rows])
    losses = np.array([row["losses"]["slots"] for row in rows])
    curves = [Curve(f"loss of the slots, 0 to {losses.max():.1f}", samples, losses / losses.max())]
    for name in SHARES:
        shares = np.array([row["held_out"].get(name, np.nan) for row in rows])
        curves.append(Curve(f"{name}: {shares[-1]:.0%} exact", samples, shares))
    minutes = rows[-1]["minutes"]
    title = f"{samples[-1]} samples in {minutes:.0f} minutes; plates held out, if any were"
    draw_curves(folder / "curves.png", title, curves)
    return folder / "curves.png"


def main() -> None:
    """Parses the command line and draws."""
    cli = argparse.ArgumentParser(description=__doc__.split(":")[0])
    cli.add_argument("--folder", type=Path, default=Path(".train/reader"))
    print(draw(cli.parse_args().folder))


if __name__ == "__main__":
    main()
