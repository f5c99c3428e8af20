"""Write street scenes to try the program on, with their labels.

    python -m models.synthesis.samples FOLDER [--count N] [--seed S]

FOLDER gets street-001.jpg, street-002.jpg, ... and labels.jsonl, whose lines look like those of any
labelled folder that `make accuracy` reads. Nothing in them comes from a photograph.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.synthesis.fonts import FontLibrary
from models.synthesis.scenes import Scene, ScenePlate, draw_scene, plan_scene

QUALITY = 90


def sample(number: int, seed: int, fonts: FontLibrary) -> Scene:
    """Draws scene `number` (from 0) of a seed: always the same, whatever the count."""
    rng = np.random.default_rng([seed, number])
    cars, night = plan_scene(rng, number)
    return draw_scene(rng, fonts, cars, night=night)


def write_samples(folder: Path, count: int, seed: int, fonts: FontLibrary) -> None:
    """Writes `count` scenes and labels.jsonl into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        scene = sample(number, seed, fonts)
        name = f"street-{number + 1:03}.jpg"
        _, data = cv2.imencode(".jpg", scene.pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        (folder / name).write_bytes(data.tobytes())
        lines.append(json.dumps(label(name, scene)) + "\n")
    (folder / "labels.jsonl").write_text("".join(lines), encoding="utf-8")


def label(name: str, scene: Scene) -> dict[str, object]:
    """Returns the labels of a scene: one line of labels.jsonl."""
    height, width = scene.pixels.shape[:2]
    return {
        "file": name,
        "width": width,
        "height": height,
        "source": "models.synthesis.samples",
        "license": "as this project",
        "country": "HK",
        "plates": [_plate(placed) for placed in scene.plates],
    }


def _plate(placed: ScenePlate) -> dict[str, object]:
    plate, quad = placed.plate, placed.quad
    (left, top), (right, bottom) = quad.min(0), quad.max(0)
    fields: dict[str, object] = {
        "box": [round(float(v), 1) for v in (left, top, right - left, bottom - top)],
        "quad": [[round(float(x), 1), round(float(y), 1)] for x, y in quad],
        "text": plate.text if plate.region == "HK" else None,
        "lines": plate.rows,
        "color": plate.colour,
        "hk": plate.region == "HK",
    }
    if plate.region == "HK":
        fields["mark"] = plate.text.replace("I", "1").replace("O", "0")
    return fields


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line and writes samples."""
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("folder", type=Path)
    cli.add_argument("--count", type=int, default=24)
    cli.add_argument("--seed", type=int, default=1)
    options = cli.parse_args(arguments)
    write_samples(options.folder, options.count, options.seed, FontLibrary())
    noun = "scene" if options.count == 1 else "scenes"
    print(f"{options.count} street {noun} in {options.folder}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)  # labels.jsonl is not there yet, so that the next time begins anew
