"""The interface of a store of photographs: list and read, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as listed."""

    key: str
    """Path below the bucket."""
    etag: str
    """Identifies the object's content."""
    size: int
    """Bytes."""


class Store(Protocol):
    """A store of photographs; safe to use from several threads."""

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        """Yields every object below a prefix, in constant memory and in the order of their keys.

        With `after`, only those past that key.

        Raises:
            SourceError: the bucket or folder cannot be listed; the message says what to do.
            StoreUnreachable: the store does not answer.
        """
        ...

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        """Returns the bytes of one object, as it was when it was listed.

        Raises:
            ImageMissing, ImageForbidden, ImageArchived: it cannot be read.
            ImageChanged: its content is not the one that `etag` identifies.
            ImageEmpty, ImageTooLarge: it has no bytes, or more than `limit`.
            StoreUnreachable: the store does not answer; the same call may succeed later.
        """
        ...
