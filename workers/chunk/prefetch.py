"""Fetches images from their stores ahead of the one being processed, with a bounded wait."""

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from hkplates.errors import StoreUnreachable
from hkplates.jobs import ImageRef, StoreKind
from hkplates.storage.base import Store

POLL_SECONDS = 0.2  # between two checks, in a wait, of whether the worker shuts down
TOO_SLOW = "the store is too slow: an image did not arrive in time"


class ShuttingDown(Exception):
    """The worker was asked to end before an image had arrived."""


class Fetcher:
    """Reads images in threads, twice as many ahead as there are threads."""

    def __init__(
        self,
        stores: Mapping[StoreKind, Store],
        threads: int,
        max_bytes: int,
        should_stop: Callable[[], bool],
    ) -> None:
        self._stores = stores
        self._ahead = 2 * threads
        self._max_bytes = max_bytes
        self._should_stop = should_stop
        self.threads = ThreadPoolExecutor(threads, "fetch")

    def fetch(
        self, images: Sequence[ImageRef]
    ) -> Generator[tuple[ImageRef, Future[bytes]], None, None]:
        """Yields each image with the future of its bytes.

        Only some are fetched ahead, to bound the memory.
        """
        rest = iter(images)
        ahead = deque((image, self._submit(image)) for image in islice(rest, self._ahead))
        try:
            while ahead:
                yield ahead.popleft()
                ahead.extend((image, self._submit(image)) for image in islice(rest, 1))
        finally:
            # The fetches of a chunk that was broken off must not delay those of the next.
            for _, data in ahead:
                data.cancel()

    def await_bytes(self, data: Future[bytes], deadline: float) -> bytes:
        """Waits for an image's bytes; a store that only trickles must not look like a bad image.

        Raises:
            StoreUnreachable: they have not arrived at `deadline`, in seconds of time.monotonic.
            ShuttingDown: the worker was asked to end before they arrived.
        """
        while True:
            try:
                return data.result(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            except TimeoutError:
                if data.done():
                    continue  # it arrived this moment, or its error is raised
                if self._should_stop():
                    data.cancel()
                    raise ShuttingDown from None
                if time.monotonic() >= deadline:
                    data.cancel()
                    raise StoreUnreachable(TOO_SLOW) from None

    def _submit(self, image: ImageRef) -> Future[bytes]:
        read, limit = self._stores[image.store].read, self._max_bytes
        return self.threads.submit(read, image.bucket, image.key, image.etag, limit=limit)
