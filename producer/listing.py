"""From a source to batches of images, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hkplates.errors import SourceEmpty, StoreUnreachable
from hkplates.recognition.images.formats import SUFFIXES, looks_like_image
from hkplates.storage.base import Entry, Store
from producer.sources import Source

BATCH = 1000  # images; what one page of S3 holds
LOOKED_AT = 20_000
"""Keys after which a batch is given however few images are among them: what is recorded with it is
from where an interrupted listing goes on, and the queue is filled between two batches."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Images of a source, maybe none, and the last key that was looked at for them."""

    entries: list[Entry]
    listed_to: str


@dataclass
class Batches:
    """The images of a source past the key `after`, some at a time.

    Asked again after StoreUnreachable, it goes on past the last key it saw.

    Raises:
        SourceEmpty: nothing there looks like an image.
        SourceError, StoreUnreachable: it cannot be listed.
    """

    store: Store
    source: Source
    size: int = BATCH
    after: str | None = None
    looked_at: int = LOOKED_AT
    _listed: Iterator[Entry] | None = None
    _entries: list[Entry] = field(default_factory=list)
    _looked: int = 0
    _empty: bool = True

    def __post_init__(self) -> None:
        self._empty = self.after is None  # else there were images before that key

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        try:
            self._fill()
        except StoreUnreachable:
            self._listed = None  # a listing that failed is over; what it gave is kept
            raise
        entries, looked = self._entries, self._looked
        self._entries, self._looked = [], 0
        self._empty = self._empty and not entries
        if self._empty and looked < self.looked_at:  # that was all
            raise SourceEmpty(_nothing_in(self.source))
        if not looked or self.after is None:
            raise StopIteration
        return Batch(entries, self.after)

    def _fill(self) -> None:
        if self._listed is None:
            source = self.source
            self._listed = self.store.list(source.bucket, source.prefix, after=self.after)
        while len(self._entries) < self.size and self._looked < self.looked_at:
            entry = next(self._listed, None)
            if entry is None:
                return
            self.after, self._looked = entry.key, self._looked + 1
            if looks_like_image(entry.key):
                self._entries.append(entry)


def _nothing_in(source: Source) -> str:
    """What was looked for, and what to check; a folder has no prefix."""
    looked_for = f"looked for {', '.join(sorted(SUFFIXES))}"
    if source.store == "folder":
        return f"No images lie in the folder {source} or below it; {looked_for}. Check the path"
    return (
        f"No images lie under {source}; {looked_for}. "
        "Check the prefix: it must match the beginning of the keys"
    )
