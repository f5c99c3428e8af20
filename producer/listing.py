"""From a source to batches of images, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hkplates.errors import SourceEmpty, StoreUnreachable
from hkplates.storage.base import Entry, Store
from producer.sources import Source

# HEIC and the like are listed although no worker reads them: they end as failed, "unsupported",
# where leaving them out would look as if they had never been there.
SUFFIXES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp"}
    | {"heic", "heif", "avif", "gif", "jp2", "jxl"}
)
BATCH = 1000  # images; what one page of S3 holds


def looks_like_image(key: str) -> bool:
    """Whether the end of a key says that it is a photograph."""
    name = key.rpartition("/")[2]
    return "." in name and name.rpartition(".")[2].lower() in SUFFIXES


@dataclass
class Batches:
    """The images of a source, some at a time.

    Asked again after StoreUnreachable, it goes on past the last key it saw.

    Raises:
        SourceEmpty: nothing there looks like an image.
        SourceError, StoreUnreachable: it cannot be listed.
    """

    store: Store
    source: Source
    size: int = BATCH
    _listed: Iterator[Entry] | None = None
    _after: str | None = None
    _batch: list[Entry] = field(default_factory=list)
    _empty: bool = True

    def __iter__(self) -> Iterator[list[Entry]]:
        return self

    def __next__(self) -> list[Entry]:
        try:
            self._fill()
        except StoreUnreachable:
            self._listed = None  # a listing that failed is over; what it gave is kept
            raise
        batch, self._batch = self._batch, []
        if batch:
            self._empty = False
            return batch
        if self._empty:
            raise SourceEmpty(
                f"No images lie under {self.source}; looked for {', '.join(sorted(SUFFIXES))}. "
                "Check the prefix: it must match the beginning of the keys"
            )
        raise StopIteration

    def _fill(self) -> None:
        if self._listed is None:
            source = self.source
            self._listed = self.store.list(source.bucket, source.prefix, after=self._after)
        while len(self._batch) < self.size and (entry := next(self._listed, None)) is not None:
            self._after = entry.key
            if looks_like_image(entry.key):
                self._batch.append(entry)
