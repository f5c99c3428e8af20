"""Lists a source in batches of images, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hkplates.errors import SourceEmpty, StoreUnreachable
from hkplates.recognition.images.formats import SUFFIXES, looks_like_image
from hkplates.storage.base import Entry, Store
from producer.sources import Source

BATCH_IMAGES = 1000  # as many as one page of S3 holds
BATCH_KEYS = 20_000
"""Keys after which a batch ends however few images are among them: an interrupted listing resumes
from the last batch recorded, and the queue is filled between two batches."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Images of a source, possibly none, and the last key listed for them."""

    entries: list[Entry]
    listed_to: str


@dataclass
class Batches:
    """Iterates over the images of a source past the key `after`, a batch at a time.

    Iterated again after StoreUnreachable, it resumes past the last key listed.

    Raises:
        SourceEmpty: nothing there looks like an image.
        SourceError, StoreUnreachable: it cannot be listed.
    """

    store: Store
    source: Source
    size: int = BATCH_IMAGES
    after: str | None = None
    max_keys: int = BATCH_KEYS
    _listing: Iterator[Entry] | None = None
    _entries: list[Entry] = field(default_factory=list)
    _keys_listed: int = 0
    _no_image_yet: bool = True

    def __post_init__(self) -> None:
        self._no_image_yet = self.after is None  # else there were images before that key

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        try:
            self._fill()
        except StoreUnreachable:
            self._listing = None  # a listing that failed is over; what it gave is kept
            raise
        entries, keys_listed = self._entries, self._keys_listed
        self._entries, self._keys_listed = [], 0
        self._no_image_yet = self._no_image_yet and not entries
        if self._no_image_yet and keys_listed < self.max_keys:  # that was all
            raise SourceEmpty(_no_images_message(self.source))
        if not keys_listed or self.after is None:
            raise StopIteration
        return Batch(entries, self.after)

    def _fill(self) -> None:
        if self._listing is None:
            source = self.source
            self._listing = self.store.list(source.bucket, source.prefix, after=self.after)
        while len(self._entries) < self.size and self._keys_listed < self.max_keys:
            entry = next(self._listing, None)
            if entry is None:
                return
            self.after, self._keys_listed = entry.key, self._keys_listed + 1
            if looks_like_image(entry.key):
                self._entries.append(entry)


def _no_images_message(source: Source) -> str:
    """Says what was looked for and what to check; a folder has no prefix."""
    suffixes = f"looked for {', '.join(sorted(SUFFIXES))}"
    if source.store == "folder":
        return f"No images lie in the folder {source} or below it; {suffixes}. Check the path"
    return (
        f"No images lie under {source}; {suffixes}. "
        "Check the prefix: it must match the beginning of the keys"
    )
