"""Finds the photographs that labels name, opens them upright, and tells in which frame labels are.

Tools differ in what they do with EXIF's orientation: LabelImg until 2020 (its pull request 650) and
CVAT until 2022 (4529) label a photograph as it is stored, the others as a person sees it. The size
that labels are about tells which, where it differs.
"""

import io
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from PIL import Image

from hkplates.errors import ImageRejected
from hkplates.recognition.images import exif, jpeg
from hkplates.recognition.images.decode import decode
from hkplates.recognition.images.formats import format_name, looks_like_image
from hkplates.recognition.types import Photo
from models.labels.records import AnnotatedPhoto, Reason, Unusable

Frame = Literal["upright", "stored"]
FrameChoice = Literal["auto", "upright", "stored"]
MAX_PIXELS = 120_000_000
EXIF_ORIENTATION = 0x0112
UPLOAD_PREFIX_LENGTH = 9  # of a file that was uploaded to Label Studio: 8 hexadecimals, a dash


class PhotoIndex:
    """The photographs of a folder, by name. Nothing outside of the folder is ever read."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        for folder, _, names in os.walk(self._root, followlinks=False):
            paths = [(Path(folder) / name).resolve() for name in names if looks_like_image(name)]
            for path in paths:
                if path.is_relative_to(self._root):  # else a link that leads elsewhere
                    self._by_name[path.name.casefold()].append(path)

    @property
    def all(self) -> set[Path]:
        """Returns the paths of all photographs."""
        return {path for paths in self._by_name.values() for path in paths}

    def find(self, record: AnnotatedPhoto) -> Path:
        """Returns the photograph that a label names.

        It is looked for beside the label, in the folder, then by its bare name anywhere in it: the
        paths that tools write are often another machine's. A name without an ending is that of the
        label file.

        Raises:
            Unusable: it is not there, it is outside of the folder, or several have that name.
        """
        named = PurePosixPath(record.file.replace("\\", "/"))
        if ".." in named.parts:
            raise Unusable(Reason.OUTSIDE, f"{record.label.name} names {record.file}")
        relative = str(named).lstrip("/")
        for place in (record.label.parent, self._root, self._root / "images"):
            if looks_like_image(relative) and _is_file(place / relative):
                return self._inside(place / relative, record)
        for name in self._names(named, record.label):
            if found := self._nearest(self._by_name.get(name.casefold(), []), named, record):
                return self._inside(found, record)
        raise Unusable(
            Reason.PHOTO_MISSING, f"{record.label.name} names {record.file or 'no file'}"
        )

    def _names(self, named: PurePosixPath, label: Path) -> list[str]:
        names = [named.name] if looks_like_image(named.name) else []
        if names and named.name[8:9] == "-":
            names.append(named.name[UPLOAD_PREFIX_LENGTH:])
        stems = {label.stem.casefold(), named.name.casefold()} if not names else set()
        return names + [n for n in self._by_name if n.rpartition(".")[0] in stems]

    def _nearest(
        self, found: list[Path], named: PurePosixPath, record: AnnotatedPhoto
    ) -> Path | None:
        """Returns the one of several whose path is most like what is named, or the label's own."""
        if len(found) < 2:
            return found[0] if found else None
        shared = [self._likeness(path, named, record.label) for path in found]
        if shared.count(max(shared)) > 1:
            names = ", ".join(sorted(str(p.relative_to(self._root)) for p in found)[:3])
            raise Unusable(Reason.AMBIGUOUS, f"{record.label.name} may mean {names}")
        return found[shared.index(max(shared))]

    def _likeness(self, path: Path, named: PurePosixPath, label: Path) -> int:
        """Counts the folders that a path has in common with what is named, and with the label."""
        wanted = {*named.parts[:-1], *label.resolve().relative_to(self._root).parts[:-1]}
        return len(wanted & set(path.relative_to(self._root).parts[:-1]))

    def _inside(self, path: Path, record: AnnotatedPhoto) -> Path:
        real = path.resolve()
        if not real.is_relative_to(self._root):
            raise Unusable(Reason.OUTSIDE, f"{record.label.name} names {record.file}, a link")
        return real


@dataclass(frozen=True, slots=True, eq=False)
class OpenedPhoto:
    """A photograph: its bytes, its upright pixels, and EXIF's orientation (1 to 8)."""

    path: Path
    data: bytes
    pixels: Photo
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Returns width and height as a person sees it."""
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def stored_size(self) -> tuple[int, int]:
        """Returns width and height as the file holds it."""
        width, height = self.upright_size
        return (height, width) if self.orientation >= 5 else (width, height)

    @property
    def is_plain(self) -> bool:
        """Checks that every decoder returns these pixels: a gray or RGB JPEG, a PNG, upright."""
        name = format_name(self.data)
        if self.orientation != 1 or name not in ("JPEG", "PNG"):
            return False
        return name == "PNG" or jpeg.read_header(self.data).channels != 4


def _is_file(path: Path) -> bool:
    """Checks whether a file is there; a name that is too long for one is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def open_photo(path: Path) -> OpenedPhoto:
    """Opens a photograph.

    Raises:
        Unusable: it cannot be decoded.
    """
    try:
        data = path.read_bytes()
        pixels = decode(data, max_pixels=MAX_PIXELS).pixels
    except (ImageRejected, OSError, MemoryError) as error:
        raise Unusable(Reason.NOT_DECODED, f"{path.name}: {error}") from None
    return OpenedPhoto(path, data, pixels, _orientation(data))


def frame_of(record: AnnotatedPhoto, photo: OpenedPhoto, choice: FrameChoice) -> Frame:
    """Tells in which frame a photograph's labels are.

    Raises:
        Unusable: labels are about another size, or in no one frame.
    """
    upright, stored = photo.upright_size, photo.stored_size
    if record.size_is_stored and upright != stored and record.size == stored:
        raise Unusable(
            Reason.FRAME_UNCLEAR,
            f"{photo.path.name}: Label Studio's COCO export of a photograph that EXIF rotates; "
            "export as JSON instead",
        )
    if record.size not in (None, upright, stored):
        raise Unusable(
            Reason.SIZE_DISAGREES,
            f"{photo.path.name} has {upright[0]} x {upright[1]} pixels, its labels are for "
            f"{record.size[0]} x {record.size[1]}",
        )
    if choice != "auto":
        return choice
    return "stored" if record.size == stored != upright else "upright"


def to_upright(
    points: np.ndarray, photo: OpenedPhoto, record: AnnotatedPhoto, frame: Frame
) -> np.ndarray:
    """Returns a label's points (n, 2) in pixels of the upright photograph."""
    size = np.array(photo.stored_size if frame == "stored" else photo.upright_size, float)
    pixels = points * size if record.units == "shares" else np.array(points, float)
    if frame == "upright" or photo.orientation == 1:
        return pixels
    return _turned(pixels, size, photo.orientation)


def _turned(points: np.ndarray, size: np.ndarray, orientation: int) -> np.ndarray:
    """Moves points of the stored picture, `size` wide and high, to where EXIF turns them."""
    x, y = points.T
    if orientation in (5, 6, 7, 8):
        x, y = y, x
        size = size[::-1]
    if orientation in (2, 3, 6, 7):
        x = size[0] - x
    if orientation in (3, 4, 7, 8):
        y = size[1] - y
    return np.stack([x, y], axis=1)


def _orientation(data: bytes) -> int:
    if format_name(data) == "JPEG":
        return exif.orientation(exif.read_tags(jpeg.read_header(data).exif))
    with Image.open(io.BytesIO(data)) as picture:
        value = picture.getexif().get(EXIF_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
