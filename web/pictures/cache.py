"""Pictures that were made once, kept on disk until there are too many."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from threading import Lock

import structlog

log = structlog.get_logger()

FILL_AFTER_EVICTION = 0.9
"""What is left of the room when it was full, so that not every picture has to make room."""


class PictureCache:
    """Files named by what they show, of so many bytes together; those unused the longest go first.

    For its owner alone: photographs are private. Where the disk is full or may not be written,
    nothing is kept, and the log says so once.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._bytes: int | None = None  # together; counted when the first picture is kept
        self._lock = Lock()
        self._warned = False

    def get(self, name: str) -> bytes | None:
        """The picture of a name (hexadecimal digits), or None."""
        path = self._path(name)
        try:
            data = path.read_bytes()
            os.utime(path)  # used just now
        except OSError:
            return None
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep a picture, and make room for it."""
        path = self._path(name)
        part = path.with_name(f".{secrets.token_hex(8)}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True)
            part.write_bytes(data)
            part.replace(path)  # whole, or not at all
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            self._warn_once(error)
            return
        with self._lock:
            self._bytes = self._count_bytes() if self._bytes is None else self._bytes + len(data)
            if self._bytes > self._max_bytes:
                self._bytes = self._evict()

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _files(self) -> list[tuple[float, int, Path]]:
        """When each was last used, its bytes and its path."""
        found = []
        for path in self._folder.glob("*/*"):
            with suppress(OSError):  # removed meanwhile
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        return found

    def _count_bytes(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _evict(self) -> int:
        """Remove the oldest; the bytes that are left."""
        files = sorted(self._files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= FILL_AFTER_EVICTION * self._max_bytes:
                break
            with suppress(OSError):
                path.unlink()
            left -= size
        return left

    def _warn_once(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            log.warning("picture_not_kept", folder=str(self._folder), error=error.strerror)
