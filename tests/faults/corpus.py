"""Makes hostile and damaged files: some 800, the same ones for the same seed.

    python -m tests.faults.corpus write FOLDER       # the files
    python -m tests.faults.corpus table [FOLDER]     # what becomes of each, counted by reason

`write_to` gives the fault harness the same files. Names end like photographs, so that `hkplates
submit` lists them all.
"""

import argparse
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import bombs, unsupported_files

SEED = 4

Files = dict[str, bytes]
Maker = Callable[[Files, np.random.Generator], Iterator[tuple[str, bytes]]]

KINDS = (
    "whole",
    "cut",
    "flipped",
    "overwritten",
    "spliced",
    "renamed",
    "magic",
    "bomb",
    "unsupported",
)


@dataclass(frozen=True, slots=True)
class HostileFile:
    """A hostile or damaged file: its kind, its name and its bytes."""

    kind: str
    name: str
    data: bytes


def corpus(seed: int = SEED, kinds: Iterable[str] = KINDS) -> Iterator[HostileFile]:
    """Yields the files of these kinds, in the order of KINDS, the same whatever the other kinds."""
    wanted = set(kinds)
    originals = dict(_originals(np.random.default_rng(seed)))
    for number, (kind, make) in enumerate(_MAKERS.items()):
        if kind in wanted:
            random = np.random.default_rng((seed, number))
            yield from (HostileFile(kind, *one) for one in make(originals, random))


def write_to(folder: Path, seed: int = SEED, kinds: Iterable[str] = KINDS) -> int:
    """Writes the files of these kinds below a folder, one folder for each; returns their number."""
    count = 0
    for one in corpus(seed, kinds):
        path = folder / one.kind / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.data)
        count += 1
    return count


def _originals(random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yields small pictures of every format read; noise on a slope, so that every byte matters."""
    slope = np.linspace(40, 200, 72)[None, :, None] + random.integers(-40, 40, (54, 72, 3))
    picture = Image.fromarray(slope.astype(np.uint8))
    turned = Image.Exif()
    turned[0x0112], turned[0x8769] = 6, {0x9003: "2026:07:01 08:30:00"}
    deep = Image.fromarray(slope[:, :, 0].astype(np.uint16) * 257)
    for name, mode, options in (
        ("plain.jpg", "RGB", {}),
        ("progressive.jpg", "RGB", {"progressive": True}),
        ("gray.jpeg", "L", {}),
        ("cmyk.jpg", "CMYK", {}),
        ("turned.jpg", "RGB", {"exif": turned}),
        ("plain.png", "RGB", {}),
        ("palette.png", "P", {}),
        ("alpha.png", "RGBA", {"exif": turned}),
        ("lossy.webp", "RGB", {}),
        ("lossless.webp", "RGB", {"lossless": True}),
        ("raw.tif", "RGB", {}),
        ("lzw.tif", "CMYK", {"compression": "tiff_lzw"}),
        ("jpeg.tiff", "RGB", {"compression": "jpeg"}),
        ("plain.bmp", "RGB", {}),
    ):
        yield name, _saved(picture.convert(mode), name, **options)
    yield "deep.png", _saved(deep, "deep.png")


def _saved(picture: Image.Image, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    kinds = {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "tiff": "TIFF"}
    suffix = name.rpartition(".")[2]
    picture.save(file, kinds.get(suffix, suffix), **options)
    return file.getvalue()


def _cut(data: bytes, number: int, random: np.random.Generator) -> bytes:
    """Cuts a file off within the magic, the header or the picture, or just before the end."""
    places = (3, 11, 27, len(data) // 9, len(data) // 2, len(data) - 24, len(data) - 1)
    return data[: places[number] if number < len(places) else int(random.integers(1, len(data)))]


def _flipped(data: bytes, number: int, random: np.random.Generator) -> bytes:
    """Flips one bit to a few hundred, in the header as often as behind it."""
    damaged = np.frombuffer(data, np.uint8).copy()
    places = random.integers(0, len(data), 1 << number)
    places[::2] %= 120
    damaged[places] ^= 1 << random.integers(0, 8, len(places), np.uint8)
    return damaged.tobytes()


def _overwritten(data: bytes, number: int, random: np.random.Generator) -> bytes:
    """Overwrites a block with zeros, 0xFF, or noise."""
    start, size = int(random.integers(2, len(data))), int(random.integers(4, 600))
    block = (bytes(size), b"\xff" * size, random.bytes(size))[number % 3]
    return (data[:start] + block + data[start + size :])[: len(data)]


def _spliced(data: bytes, number: int, random: np.random.Generator) -> bytes:
    """Leaves a part out, repeats a part, or starts the file anew within."""
    start, end = sorted(int(place) for place in random.integers(2, len(data), 2))
    return (
        data[:start] + data[end:],
        data[:end] + data[start:],
        data[:start] + data[:end] + data[start:],
    )[number % 3]


Damage = Callable[[bytes, int, np.random.Generator], bytes]


def _damaged_by(damage: Damage, times: int) -> Maker:
    def make(originals: Files, random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
        for name, data in originals.items():
            stem, _, suffix = name.rpartition(".")
            for number in range(times):
                yield f"{stem}-{number}.{suffix}", damage(data, number, random)

    return make


def _renamed(originals: Files, _: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yields pictures whose name says another format."""
    suffixes = ("png", "jpg", "webp", "tif", "bmp", "heic", "gif")
    for number, (name, data) in enumerate(originals.items()):
        yield f"{name}.{suffixes[number % len(suffixes)]}", data


_MAGIC = {
    "jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
    "jpeg": b"\xff\xd8\xff\xc0\0\x11\x08\0\x30\0\x40\3\1\x22\0\2\x11\1\3\x11\1",
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x30\x08\2\0\0\0",
    "webp": b"RIFF\0\1\0\0WEBPVP8 \xe0\0\0\0",
    "tif": b"II*\0\x08\0\0\0\x0a\0",
    "tiff": b"MM\0*\0\0\0\x08\0\x0a",
    "bmp": b"BM\0\1\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x40\0\0\0\x30\0\0\0\1\0\x18\0\0\0\0\0",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0",
    "gif": b"GIF89a\x40\0\x30\0\xf7\0\0",
}


def _behind_magic(_: Files, random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for suffix, magic in _MAGIC.items():
        for size in (0, 40, 400, 9000):
            yield f"noise-{size}.{suffix}", magic + random.bytes(size)


_MAKERS: dict[str, Maker] = {
    "whole": lambda originals, _: iter(originals.items()),
    "cut": _damaged_by(_cut, 9),
    "flipped": _damaged_by(_flipped, 9),
    "overwritten": _damaged_by(_overwritten, 6),
    "spliced": _damaged_by(_spliced, 6),
    "renamed": _renamed,
    "magic": _behind_magic,
    "bomb": lambda *_: bombs.bombs(),
    "unsupported": lambda originals, _: unsupported_files.unsupported_files(originals["plain.jpg"]),
}


def main() -> None:
    """Parses the command line, and writes the files or prints the table of outcomes."""
    from . import survival

    parser = argparse.ArgumentParser(prog="python -m tests.faults.corpus", description=__doc__)
    parser.add_argument("action", choices=("write", "table"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    if options.action == "write":
        if options.folder is None:
            parser.error("name the folder to write to")
        print(f"{write_to(options.folder, options.seed)} files")  # noqa: T201
    else:
        survival.main(options.folder, options.seed)


if __name__ == "__main__":
    main()
