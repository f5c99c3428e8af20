"""Draws the curves of a refiner's training: losses of corners and classes, and accuracy."""

import json
from pathlib import Path

import numpy as np

from models.training_curves import Curve, draw_curves


def draw_training(out: Path) -> None:
    """Writes curves.png from log.jsonl in the folder of a training."""
    log = out / "log.jsonl"
    if not log.exists():  # stopped before its first line
        return
    lines = log.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    samples, corners, kinds, right = (
        np.array([row[name] for row in rows]) for name in ("samples", "corners", "kinds", "right")
    )
    curves = [
        Curve(f"loss of corners, now {corners[-1]:.3f}", samples, corners / corners.max()),
        Curve(f"loss of classes, now {kinds[-1]:.3f}", samples, kinds / kinds.max()),
        Curve(f"classes that are right, now {right[-1]:.0%}", samples, right),
    ]
    draw_curves(out / "curves.png", f"{samples[-1]} samples, as they were learned from", curves)
