"""What a store of photographs can do: list and read, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One object as listed: its key below the bucket, what names its content, and its bytes."""

    key: str
    etag: str
    size: int


class Store(Protocol):
    """A place that holds photographs; usable from several threads at once."""

    def list(self, bucket: str, prefix: str, *, after: str | None = None) -> Iterator[Entry]:
        """Every object below a prefix, in constant memory and in the order of the store's keys.

        With `after`, only those past that key.

        Raises:
            SourceError: the bucket or folder cannot be listed; the message says what to do.
            StoreUnreachable: the store does not answer.
        """
        ...

    def read(self, bucket: str, key: str, etag: str, *, limit: int) -> bytes:
        """The bytes of one object, as it was when it was listed.

        Raises:
            ImageMissing, ImageForbidden, ImageArchived: it cannot be read.
            ImageChanged: it is not what `etag` names any more.
            ImageEmpty, ImageTooLarge: no bytes, or more than `limit`.
            StoreUnreachable: the store does not answer; the same call may succeed later.
        """
        ...
