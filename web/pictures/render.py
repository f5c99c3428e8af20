"""Renders photographs and crops of plates as JPEG for browsers.

Every photograph is decoded here, within the workers' limits, and encoded anew: no byte of an
untrusted file reaches a browser, and every format becomes JPEG, upright as the plates' pixels are.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore
from typing import Any, Literal

import cv2
import numpy as np
import simplejpeg
import sqlalchemy as sa

from hkplates.errors import ImageRejected
from hkplates.jobs import StoreKind
from hkplates.recognition.images.decode import decode
from hkplates.recognition.images.warp import rectify
from hkplates.recognition.types import Photo, Quad
from hkplates.settings import Settings
from hkplates.storage.base import Store
from web.pictures.cache import PictureCache

Size = Literal["thumbnail", "page", "large"]
MAX_SIDE_PIXELS: dict[Size, int] = {"thumbnail": 320, "page": 1600, "large": 4096}
"""Pixels of the longer side; smaller photographs keep theirs."""
JPEG_QUALITY = 85
RENDER_VERSION = 1
"""Change it when pictures are rendered differently, so that old ones are not shown."""
MAX_CONCURRENT_DECODES = 2
"""Photographs decoded at once: each may take more than a gigabyte."""


@dataclass(frozen=True, slots=True)
class Source:
    """The address of a photograph, and its ETag when it was listed.

    Its repr is hashed into `cache_key`: another name of the class or of a field changes every ETag.
    """

    store: StoreKind
    bucket: str
    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """A request for a photograph in a size, or for the plate at the corners `quad`.

    `quarantine_reason` is set if its image is quarantined.
    """

    image_id: int
    source: Source
    size: Size = "page"
    quad: Quad | None = None
    quarantine_reason: str | None = None

    @property
    def cache_key(self) -> str:
        """Hashes all that determines the picture, in hexadecimal: name in the cache and ETag."""
        parts = (RENDER_VERSION, self.image_id, self.source, self.size, self.quad)
        return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()


class ImageQuarantined(ImageRejected):
    """The image is quarantined: it broke workers, and would break this process for all users."""

    def __init__(self, reason: str) -> None:
        super().__init__("It is set aside, and is not decoded here")
        self.reason = reason


class PictureRenderer:
    """Renders and caches pictures; usable from several threads."""

    def __init__(self, engine: sa.Engine, stores: Mapping[StoreKind, Store], settings: Settings):
        self._engine = engine
        self._stores = stores
        self._settings = settings
        folder: Path = settings.data_folder / "web" / "pictures"
        self._cache = PictureCache(folder, settings.web_cache_bytes)
        self._decode_slots = Semaphore(min(MAX_CONCURRENT_DECODES, os.cpu_count() or 1))

    def photograph(self, image_id: int, size: Size) -> PictureRequest | None:
        """Returns the request of a photograph, for `jpeg`; None if there is no such image."""
        with self._engine.connect() as connection:
            row = connection.execute(_SELECT_IMAGE, {"id": image_id}).one_or_none()
        if row is None:
            return None
        return PictureRequest(row.id, _source(row), size, quarantine_reason=row.quarantine_reason)

    def plate(self, plate_id: int) -> PictureRequest | None:
        """Returns the request of a plate's crop, for `jpeg`; None if there is no such plate."""
        with self._engine.connect() as connection:
            row = connection.execute(_SELECT_PLATE, {"id": plate_id}).one_or_none()
        if row is None:
            return None
        quad = Quad.from_array(row.quad)
        return PictureRequest(
            row.image_id, _source(row), quad=quad, quarantine_reason=row.quarantine_reason
        )

    def jpeg(self, request: PictureRequest) -> bytes:
        """Renders a picture as JPEG, or takes it from the cache.

        Raises:
            ImageRejected: the photograph is gone, replaced, forbidden, quarantined, or cannot be
                decoded.
            TemporaryFault: its store is unavailable, or refuses this process's credentials.
            MemoryError: decoding it takes more memory than there is.
        """
        if (cached := self._cache.get(request.cache_key)) is not None:
            return cached
        if request.quarantine_reason:
            raise ImageQuarantined(request.quarantine_reason)
        data = self._read(request.source)
        with self._decode_slots:
            photo = decode(data, max_pixels=self._settings.max_image_pixels).pixels
            rendered = _encode_jpeg(_warp_or_scale(photo, request))
        self._cache.put(request.cache_key, rendered)
        return rendered

    def _read(self, source: Source) -> bytes:
        store = self._stores[source.store]
        limit = self._settings.max_image_bytes
        return store.read(source.bucket, source.key, source.etag, limit=limit)


def _source(row: "sa.Row[Any]") -> Source:
    return Source(row.store, row.bucket, row.key, row.etag)


def _warp_or_scale(photo: Photo, request: PictureRequest) -> Photo:
    """Rectifies the plate of a request, or scales the photograph down to the size's limit."""
    if request.quad is not None:
        return rectify(photo, request.quad)
    high, wide = photo.shape[:2]
    scale = MAX_SIDE_PIXELS[request.size] / max(high, wide)
    if scale >= 1:
        return photo
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encode_jpeg(pixels: Photo) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=JPEG_QUALITY))


# Finds the photograph of an image, and why it is quarantined.
_SELECT_IMAGE = sa.text("""
    SELECT id, store, bucket, key, etag,
           CASE state WHEN 'quarantined' THEN reason END AS quarantine_reason
      FROM images
     WHERE id = :id
""")
# Finds the photograph and the corners of a plate, and why its image is quarantined.
_SELECT_PLATE = sa.text("""
    SELECT image_id, store, bucket, key, etag, quad,
           CASE state WHEN 'quarantined' THEN reason END AS quarantine_reason
      FROM plates JOIN images ON images.id = plates.image_id
     WHERE plates.id = :id
""")
