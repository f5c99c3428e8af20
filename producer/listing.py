"""From a source to batches of images, in constant memory."""

from collections.abc import Iterator
from itertools import islice

from hkplates.errors import SourceEmpty
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


def batches(store: Store, source: Source, size: int = BATCH) -> Iterator[list[Entry]]:
    """The images of a source, some at a time.

    Raises:
        SourceEmpty: nothing there looks like an image.
        SourceError, StoreUnreachable: it cannot be listed.
    """
    listed = store.list(source.bucket, source.prefix)
    images = (entry for entry in listed if looks_like_image(entry.key))
    batch = list(islice(images, size))
    if not batch:
        raise SourceEmpty(
            f"No images lie under {source}; looked for {', '.join(sorted(SUFFIXES))}. "
            "Check the prefix: it must match the beginning of the keys"
        )
    while batch:
        yield batch
        batch = list(islice(images, size))
