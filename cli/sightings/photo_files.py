"""Expands the names that a person typed into files: photographs, folders of them, patterns."""

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from hkplates.errors import (
    ImageForbidden,
    ImageMissing,
    ImageRejected,
    ImageTooLarge,
    ImageUndecodable,
    SourceEmpty,
)
from hkplates.recognition.images.formats import looks_like_image


def find_photographs(
    names: Sequence[str],
    on_empty: Callable[[SourceEmpty], object],
    *,
    leave_out: Path | None = None,
) -> Iterator[str]:
    """Yields the paths to read: a folder gives its photographs at any depth, in order.

    Nothing below `leave_out` is taken from a folder. A name that is neither file, folder nor
    pattern is yielded as it is, so that it is reported as missing. `on_empty` is called for a
    folder or pattern that yields nothing, and the next name follows.
    """
    for name in names:
        if os.path.isdir(name):
            nothing = f"No photographs lie in the folder {name!r}"
            yield from _reported_if_empty(_photographs_below(name, leave_out), nothing, on_empty)
        elif glob.has_magic(name) and not os.path.lexists(name):
            matches = sorted(filter(os.path.isfile, glob.iglob(name, recursive=True)))
            yield from _reported_if_empty(matches, f"No file matches {name!r}", on_empty)
        else:
            yield name


def _reported_if_empty(
    paths: Iterable[str], nothing: str, on_empty: Callable[[SourceEmpty], object]
) -> Iterator[str]:
    empty = True
    for path in paths:
        empty = False
        yield path
    if empty:
        on_empty(SourceEmpty(f"{nothing}; name photographs, a folder of them, or a pattern"))


def _photographs_below(root: str, leave_out: Path | None) -> Iterator[str]:
    inside = os.path.realpath(root)
    left_out = None if leave_out is None else os.path.realpath(leave_out)
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if os.path.realpath(os.path.join(folder, name)) != left_out
        )
        for name in sorted(files):
            path = os.path.join(folder, name)
            # A link may point outside what the person named.
            real = os.path.realpath(path)
            if looks_like_image(name) and real.startswith(inside.rstrip("/") + "/"):
                yield path


def read_file(path: str, *, limit: int) -> bytes:
    """Returns the bytes of a regular file of at most `limit` bytes.

    Raises:
        ImageMissing, ImageForbidden, ImageTooLarge, ImageUndecodable: the message says why.
    """
    try:
        # A pipe must not make us wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            _require_regular_file(os.fstat(file.fileno()), limit)
            return file.read(limit)
    except ImageRejected:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise ImageMissing("there is no such file") from None
    except PermissionError:
        raise ImageForbidden("this user may not read the file") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero in it
        raise ImageMissing(f"the file cannot be opened: {error}") from None


def _require_regular_file(found: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ImageUndecodable("not an image but a folder, a pipe or a device")
    if found.st_size > limit:
        raise ImageTooLarge(
            f"{found.st_size} bytes, the limit is {limit}; raise HKPLATES_MAX_IMAGE_BYTES"
        )
