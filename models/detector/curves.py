"""Draws the curves of a training: losses over steps, and recall on photographs held back."""

import json
from pathlib import Path

import numpy as np

from models.training_curves import Curve, draw_curves


def draw_training(out: Path) -> None:
    """Writes curves.png from losses.jsonl and history.jsonl in the folder of a training."""
    losses = _read(out / "losses.jsonl")
    if not losses:
        return
    steps, values = (np.array([row[name] for row in losses]) for name in ("step", "loss"))
    checks = [row["groups"]["all"] | row for row in _read(out / "history.jsonl") if row["groups"]]
    found = np.array([row["found"] / row["asked"] for row in checks])
    curves = [
        Curve(f"loss, now {values[-1]:.3f} (0 to {values.max():.2f})", steps, values / values.max())
    ]
    if checks:
        name = f"found of those held back, now {found[-1]:.0%}"
        curves.append(Curve(name, np.array([row["step"] for row in checks]), found))
    draw_curves(out / "curves.png", f"{steps.max()} steps", curves)


def _read(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
