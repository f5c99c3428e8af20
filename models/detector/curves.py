"""The picture of a training: losses over steps, and what was found on photographs held back."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

SIZE = 900, 420  # pixels
MARGIN = 48
INK, LOSS, FOUND = (70, 70, 70), (40, 90, 200), (40, 150, 60)  # RGB


def draw_curves(out: Path) -> None:
    """Write curves.png from losses.jsonl and history.jsonl in the folder of a training."""
    losses = _read(out / "losses.jsonl")
    if len(losses) < 2:
        return
    picture = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    steps, values = (np.array([row[name] for row in losses]) for name in ("step", "loss"))
    _curve(picture, steps, np.log(values), LOSS, steps.max())
    _text(picture, f"loss, from {values[0]:.2f} to {values[-1]:.3f} (logarithmic)", 20, LOSS)
    checks = [row for row in _read(out / "history.jsonl") if row["groups"].get("all")]
    if len(checks) > 1:
        shares = [row["groups"]["all"]["found"] / row["groups"]["all"]["asked"] for row in checks]
        _curve(
            picture,
            np.array([row["step"] for row in checks]),
            np.array(shares),
            FOUND,
            steps.max(),
            (0.0, 1.0),
        )
        _text(picture, f"found of those held back, now {shares[-1]:.0%} (0 to 100%)", 38, FOUND)
    _text(picture, f"{steps.max()} steps", SIZE[1] - 16, INK)
    cv2.imwrite(str(out / "curves.png"), picture[..., ::-1])


def _read(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _curve(
    picture: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    colour: Sequence[int],
    last: float,
    span: tuple[float, float] | None = None,
) -> None:
    low, high = span or (float(y.min()), float(y.max()))
    across = MARGIN + x / last * (SIZE[0] - 2 * MARGIN)
    up = SIZE[1] - MARGIN - (y - low) / max(high - low, 1e-9) * (SIZE[1] - 2 * MARGIN)
    points = np.stack([across, up], 1).round().astype(np.int32)
    cv2.polylines(picture, [points], False, colour, 2, cv2.LINE_AA)


def _text(picture: np.ndarray, text: str, height: int, colour: Sequence[int]) -> None:
    place = (MARGIN, height)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.48, colour, 1, cv2.LINE_AA)
