"""Makes the images of a run, good and bad ones, from a seed, with the state each must end in.

Some scenes are drawn, and cut and compressed in many ways: every image has bytes, pixels and plates
of its own, so that plates which end at another image are seen. Bad images are 3% of all, of every
kind; poison is rare.
"""

import hashlib
import io
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image
from servers.fault_proxy import REFUSALS
from servers.poison import HANG, MEMORY, SEGFAULT

Good = Literal["good"]
Bad = Literal[
    "empty", "truncated", "text", "heic", "huge", "missing", "changed", "forbidden", "archived"
]
Poison = Literal["segfault", "hang", "memory", "broken"]
ImageKind = Good | Bad | Poison
BAD: tuple[Bad, ...] = get_args(Bad)
POISON: tuple[Poison, ...] = get_args(Poison)

EXPECTED_STATES: dict[ImageKind, tuple[str, str | None]] = {
    "good": ("done", None),
    "empty": ("failed", "empty"),
    "truncated": ("failed", "truncated"),
    "text": ("failed", "undecodable"),
    "heic": ("failed", "unsupported"),
    "huge": ("failed", "too_large"),
    "missing": ("failed", "missing"),
    "changed": ("failed", "changed"),
    "forbidden": ("failed", "forbidden"),
    "archived": ("failed", "archived"),
    "segfault": ("quarantined", "crashed"),
    "hang": ("quarantined", "timed_out"),
    "memory": ("quarantined", "out_of_memory"),
    "broken": ("failed", "unavailable"),
}
"""State and reason in which an image of each kind must end."""

WIDTHS = {"segfault": SEGFAULT, "hang": HANG, "memory": MEMORY, "broken": 60}
SCENE_WIDTH, SCENE_HEIGHT = 640, 426
OFFSETS = 8  # pixels: copies of a scene are cropped at these distances from its left and top
BAD_SHARE = 0.03
POISON_SHARE = 0.001  # of each kind, and one of each at least
NAMES = ("gate 1", "gate+2", "門口 3", "gâte%204", "line\nbreak 5", "a/b//c")
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400)


@dataclass(frozen=True, slots=True)
class SampleImage:
    """An object to store. `data` of "missing" and "changed" ones is that at the listing."""

    key: str
    kind: ImageKind
    data: bytes

    @property
    def object_id(self) -> tuple[str, str]:
        """Returns key and ETag: S3's for an object that was put in one piece."""
        return self.key, hashlib.md5(self.data, usedforsecurity=False).hexdigest()

    @property
    def expected_state(self) -> tuple[str, str | None]:
        """Returns state and reason in which it must end."""
        return EXPECTED_STATES[self.kind]


def draw_scenes(folder: Path, count: int, seed: int) -> list[np.ndarray]:
    """Draws small street scenes, once, and caches them in a folder."""
    # Here, so that those who only plan need not wait for what draws.
    from models.synthesis.fonts import FontLibrary
    from models.synthesis.samples import sample

    folder.mkdir(parents=True, exist_ok=True)
    fonts, scenes = FontLibrary(), []
    for number in range(count):
        file = folder / f"{number:04}.png"
        if not file.exists():
            drawn = Image.fromarray(sample(number, seed, fonts).pixels)
            drawn = drawn.resize((SCENE_WIDTH, SCENE_HEIGHT), Image.Resampling.BOX)
            drawn.save(new := file.with_suffix(".new"), "PNG", compress_level=1)
            new.rename(file)
        scenes.append(np.asarray(Image.open(file).convert("RGB")))
    return scenes


def make_images(scenes: Sequence[np.ndarray], count: int, seed: int) -> Iterator[SampleImage]:
    """Yields `count` images in the order of their numbers, always the same for a seed.

    Raises:
        ValueError: There are too few scenes for so many different images.
    """
    if count > len(scenes) * OFFSETS**2:
        raise ValueError(f"{len(scenes)} scenes are too few for {count} different images")
    rng = random.Random(seed)
    kinds = draw_kinds(count, seed)
    for number, kind in enumerate(kinds):
        scene, copy = scenes[number % len(scenes)], number // len(scenes)
        file_format = _format(number) if kind == "good" else "jpg"
        data = _encoded(_crop(scene, copy), file_format, 80 + copy % 10)
        word = f" {kind}" if kind in REFUSALS else ""
        ending = "heic" if kind == "heic" else "png" if kind in (*POISON, "huge") else file_format
        # The number first: images are listed, and so read, in the order of their keys.
        key = f"2026/{number:05} {rng.choice(NAMES)}{word}.{ending}"
        yield SampleImage(key, kind, _damage(data, kind, number))


def draw_kinds(count: int, seed: int) -> list[ImageKind]:
    """Draws the kind of each image; those that change after the listing come late.

    So no worker has seen them before.
    """
    rng = random.Random(seed + 1)
    kinds: list[ImageKind] = ["good"] * count
    bad = max(1, round(count * BAD_SHARE / len(BAD)))
    poison = max(1, round(count * POISON_SHARE))
    wanted: list[ImageKind] = [*BAD * bad, *POISON * poison]
    free = list(range(count // 10, count))
    for kind in sorted(wanted):
        late = kind in ("missing", "changed")
        place = rng.choice([n for n in free if late is (n >= count * 3 // 4)])
        free.remove(place)
        kinds[place] = kind
    return kinds


def replacement(image: SampleImage) -> SampleImage:
    """Returns the object in place of a "changed" image after the listing.

    It is the same photograph, with a comment behind its first marker.
    """
    jpeg = image.data
    return SampleImage(image.key, "good", jpeg[:2] + b"\xff\xfe\x00\x07again" + jpeg[2:])


def _format(number: int) -> str:
    return {7: "png", 17: "webp", 27: "bmp"}.get(number % 40, "jpg")


def _crop(scene: np.ndarray, copy: int) -> np.ndarray:
    down, right = divmod(copy, OFFSETS)
    height, width = scene.shape[:2]
    return scene[down : height - OFFSETS + down, right : width - OFFSETS + right]


def _encoded(pixels: np.ndarray, file_format: str, quality: int) -> bytes:
    out = io.BytesIO()
    name = {"jpg": "JPEG"}.get(file_format, file_format.upper())
    Image.fromarray(pixels).save(out, name, quality=quality, compress_level=1)
    return out.getvalue()


def _damage(data: bytes, kind: ImageKind, number: int) -> bytes:
    """Returns the bytes of a bad image; the number keeps two of a kind apart."""
    match kind:
        case "empty":
            return b""
        case "truncated":
            return data[: len(data) // 2]
        case "text":
            return f"Image {number} was moved to the archive.\n".encode() * 20
        case "heic":
            return HEIC + str(number).encode()
        case "huge":
            return _huge(number)
        case "segfault" | "hang" | "memory" | "broken":
            return _encoded(np.full((60, WIDTHS[kind], 3), number % 256, np.uint8), "png", 90)
    return data


def _huge(number: int) -> bytes:
    """Makes a PNG whose header promises 60,000 by 60,000 pixels."""
    small = _encoded(np.full((8, 8, 3), number % 256, np.uint8), "png", 90)
    head = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + small[24:29]
    return small[:12] + head + zlib.crc32(head).to_bytes(4, "big") + small[33:]
