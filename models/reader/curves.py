"""Draw how a training went: python -m models.reader.curves [--folder FOLDER] writes curves.png."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, EDGE = 900, 420, 48  # pixels
SHARES = {
    "true slots": (200, 90, 40),
    "shaken slots": (230, 170, 120),
    "true ctc": (50, 140, 50),
    "shaken ctc": (150, 200, 150),
}  # OpenCV's order: blue, green, red
LOSS = (60, 60, 220)


def draw(folder: Path) -> Path:
    """Write and name the picture of log.jsonl: shares read exactly, and the slots' loss."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    cv2.rectangle(picture, (EDGE, EDGE), (WIDTH - EDGE, HEIGHT - EDGE), (200, 200, 200), 1)
    minutes = np.array([row["minutes"] for row in rows])
    losses = np.array([row["losses"]["slots"] for row in rows])
    _curve(picture, minutes, losses / losses.max(), LOSS)
    _say(picture, f"loss of the slots, 0 to {losses.max():.1f}", 0, LOSS)
    for place, (name, colour) in enumerate(SHARES.items(), 1):
        shares = np.array([row["held_out"].get(name, np.nan) for row in rows])
        if np.isfinite(shares).all():
            _curve(picture, minutes, shares, colour)
            _say(picture, f"{name}: {shares[-1]:.0%} exact", place, colour)
    last = f"{minutes[-1]:.0f} minutes, {rows[-1]['samples']} samples; plates held out of training"
    _write(picture, last, (EDGE, HEIGHT - 16), (70, 70, 70))
    path = folder / "curves.png"
    cv2.imwrite(str(path), picture)
    return path


def _curve(picture: np.ndarray, x: np.ndarray, y: np.ndarray, colour: tuple[int, ...]) -> None:
    across = EDGE + x / x.max() * (WIDTH - 2 * EDGE)
    down = HEIGHT - EDGE - y * (HEIGHT - 2 * EDGE)
    points = np.stack([across, down], axis=1).round().astype(np.int32)
    cv2.polylines(picture, [points], False, colour, 2, cv2.LINE_AA)


def _say(picture: np.ndarray, text: str, place: int, colour: tuple[int, ...]) -> None:
    _write(picture, text, (EDGE + 8 + place * 165, 30), colour)


def _write(picture: np.ndarray, text: str, where: tuple[int, int], colour: tuple[int, ...]) -> None:
    cv2.putText(picture, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)


def main() -> None:
    """The command line."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--folder", type=Path, default=Path(".train/reader"))
    print(draw(cli.parse_args().folder))


if __name__ == "__main__":
    main()
