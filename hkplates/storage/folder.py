"""Stores photographs in a folder of this machine; the bucket is the folder's absolute path.

Only files below the folder are read: a link that leads out of it is refused.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

from hkplates.errors import (
    FolderMissing,
    ImageChanged,
    ImageEmpty,
    ImageForbidden,
    ImageMissing,
    ImageTooLarge,
    StoreUnreachable,
)
from hkplates.storage.base import Entry

log = structlog.get_logger()

# O_NONBLOCK: a pipe must not wait for a writer. O_NOFOLLOW: nor a link swapped in be followed.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


class FolderStore:
    """Files below a root folder; keys are paths with forward slashes."""

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        """Yields every file, in the order of keys; links to folders are not followed.

        Raises:
            FolderMissing: the folder, or one below it, is not there or may not be read.
        """
        root = Path(bucket)
        if not root.is_dir():
            raise FolderMissing(f"There is no folder {bucket}; check the path")
        for key, found in _walk(root, after or ""):
            if key.startswith(prefix) and key > (after or ""):
                yield Entry(key, _etag(found), found.st_size)

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        """Returns the bytes of one file, if it is still the one that was listed."""
        root, path = _resolve_inside(bucket, key)
        try:
            with os.fdopen(_open(root, path), "rb") as file:
                _check(os.fstat(file.fileno()), key, etag, limit)
                return file.read(limit)
        except (FileNotFoundError, NotADirectoryError):
            raise ImageMissing(_missing_message(bucket, key)) from None
        except PermissionError:
            raise ImageForbidden(f"this user may not read {key} in {bucket}") from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ImageMissing(_dangling_message(bucket, key)) from None
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
                raise ImageMissing(f"{key:.80} in {bucket} leads nowhere") from None
            if error.errno in (errno.ENXIO, errno.ENODEV):
                raise ImageForbidden(f"{key} is not a file") from None
            raise StoreUnreachable(f"{bucket} cannot be read: {error.strerror}") from None


def _walk(root: Path, after: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yields keys and file statuses below root, holding only the names of the folders above.

    Iterative and not recursive: folders may lie a thousand deep.
    """
    stack = [("", _scan(root))]
    while stack:
        folder, names = stack[-1]
        name, is_folder = next(names, ("", False))
        key = folder + name
        if not name:
            stack.pop()
        elif is_folder:
            below = key + "/"
            if below >= after or after.startswith(below):
                stack.append((below, _scan(root / below)))
        elif (found := _stat(root / key)) is not None:
            yield key, found


def _scan(folder: Path) -> Iterator[tuple[str, bool]]:
    """Returns the names in a folder and whether each is a folder, in the order of their keys."""
    try:
        with os.scandir(folder) as entries:
            names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:
        return iter(())  # removed while we walked
    except PermissionError:
        raise FolderMissing(f"The folder {folder} may not be read by this user") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            log.warning("folder_too_deep", folder=str(folder)[-200:])
            return iter(())
        # a network folder that went away
        raise StoreUnreachable(f"{folder} cannot be listed: {error.strerror}") from None
    return iter(sorted(names, key=lambda name: name[0] + "/" * name[1]))


def _missing_message(bucket: str, key: str) -> str:
    if "\N{REPLACEMENT CHARACTER}" in key:  # in place of bytes that the database cannot store
        return f"{key} in {bucket} has a name that is not UTF-8; rename it and submit again"
    if (Path(bucket) / key).is_symlink():
        return _dangling_message(bucket, key)
    return f"{key} is not in {bucket} any more"


def _dangling_message(bucket: str, key: str) -> str:
    return f"{key:.80} in {bucket} is a link that leads nowhere"


def _stat(path: Path) -> os.stat_result | None:
    """Returns a file's status, None for a folder or a file that was removed meanwhile.

    For a dangling link it is the link's own, so that the image ends as missing.
    """
    try:
        found = path.stat()
    except OSError:  # nowhere, in a circle, or into a folder that may not be entered
        if not path.is_symlink():
            return None  # removed while we walked
        found = path.lstat()
    return None if stat.S_ISDIR(found.st_mode) else found


def _resolve_inside(bucket: str, key: str) -> tuple[Path, Path]:
    """Resolves the root and the file's path below it, both without any link.

    Raises:
        StoreUnreachable: the folder is not on this machine.
        ImageMissing, ImageForbidden: the key leads nowhere, or out of the folder.
    """
    try:
        root = Path(bucket).resolve(strict=True)
    except (OSError, ValueError):
        raise StoreUnreachable(
            f"The folder {bucket} is not on this machine; mount it here under the same path"
        ) from None
    try:
        path = (root / key).resolve()
    except RuntimeError:  # round in a circle, as Python before 3.13 says it
        raise ImageMissing(_dangling_message(bucket, key)) from None
    except (OSError, ValueError):
        raise ImageMissing(f"{key} in {bucket} leads nowhere") from None
    if not path.is_relative_to(root) or path == root:
        raise ImageForbidden(f"{key} leads out of the folder {bucket}")
    return root, path.relative_to(root)


def _open(root: Path, path: Path) -> int:
    """Opens a file folder by folder: one that has become a link meanwhile is not entered."""
    folder = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        for name in path.parts[:-1]:
            below = os.open(name, _OPEN_FLAGS | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(path.name, _OPEN_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def _check(found: os.stat_result, key: str, etag: str, limit: int) -> None:
    """Checks that a file is the one listed, and its size; raises an ImageRejected."""
    if not stat.S_ISREG(found.st_mode):
        raise ImageForbidden(f"{key} is not a file")
    if _etag(found) != etag:
        raise ImageChanged(f"{key} was replaced after it was listed; submit the folder again")
    if found.st_size == 0:
        raise ImageEmpty(f"{key} has no bytes")
    if found.st_size > limit:
        raise ImageTooLarge(f"{key} has {found.st_size:,} bytes, more than the {limit:,} allowed")


def _etag(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns}-{found.st_size}"
