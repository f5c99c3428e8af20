"""Caches rendered pictures on disk, up to a number of bytes."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from threading import Lock

import structlog

log = structlog.get_logger()

FILL_AFTER_EVICTION = 0.9
"""Share of the limit that is left after an eviction, so that not every new picture needs one."""


class PictureCache:
    """Cache of at most `max_bytes` in files; the least recently used are evicted first.

    Only the process's user can read them: photographs are private. If the disk is full or may not
    be written, nothing is kept, and the log says so once.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._bytes: int | None = None  # of all files; counted when the first picture is put
        self._lock = Lock()
        self._warned = False

    def get(self, name: str) -> bytes | None:
        """Returns the picture of a key (hexadecimal digits), or None."""
        path = self._path(name)
        try:
            data = path.read_bytes()
            os.utime(path)  # its time is that of its last use
        except OSError:
            return None
        return data

    def put(self, name: str, data: bytes) -> None:
        """Stores a picture, and evicts others if the cache is full."""
        path = self._path(name)
        part = path.with_name(f".{secrets.token_hex(8)}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True)
            part.write_bytes(data)
            part.replace(path)  # atomically
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
        """Lists the files, each as time of last use, bytes and path."""
        found = []
        for path in self._folder.glob("*/*"):
            with suppress(OSError):  # removed meanwhile
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        return found

    def _count_bytes(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _evict(self) -> int:
        """Removes the least recently used files; returns the bytes that are left."""
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
