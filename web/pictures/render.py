"""Photographs as a browser can show them, and plates cut out of them.

Every photograph is decoded here, with the limits that workers have, and encoded anew: no byte of a
stranger's file reaches a browser, and every format becomes JPEG, upright as the plates' pixels are.
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
import simplejpeg  # type: ignore[import-untyped]
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
"""Changes when pictures are made differently, so that old ones are not shown."""
MAX_CONCURRENT_DECODES = 2
"""Photographs that are decoded at once: each may take more than a gigabyte."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a photograph lies, and what it held when it was listed."""

    store: StoreKind
    bucket: str
    key: str
    etag: str


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """A photograph in a size, or with `quad` the plate at these corners.

    `set_aside` is why its image is quarantined, if it is.
    """

    image_id: int
    source: Source
    size: Size = "page"
    quad: Quad | None = None
    set_aside: str | None = None

    @property
    def cache_key(self) -> str:
        """The same for the same picture alone."""
        parts = (RENDER_VERSION, self.image_id, self.source, self.size, self.quad)
        return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()


class ImageSetAside(ImageRejected):
    """It broke the workers that read it, and would break this process, which others use."""

    def __init__(self, reason: str) -> None:
        super().__init__("It is set aside, and is not decoded here")
        self.reason = reason


class PictureRenderer:
    """Makes pictures and keeps them; usable from several threads."""

    def __init__(self, engine: sa.Engine, stores: Mapping[StoreKind, Store], settings: Settings):
        self._engine = engine
        self._stores = stores
        self._settings = settings
        folder: Path = settings.data_folder / "web" / "pictures"
        self._cache = PictureCache(folder, settings.web_cache_bytes)
        self._decode_slots = Semaphore(min(MAX_CONCURRENT_DECODES, os.cpu_count() or 1))

    def photograph(self, image_id: int, size: Size) -> PictureRequest | None:
        """What to ask `jpeg` for to see a photograph; None where there is none of this number."""
        with self._engine.connect() as connection:
            row = connection.execute(_SELECT_IMAGE, {"id": image_id}).one_or_none()
        if row is None:
            return None
        return PictureRequest(row.id, _source(row), size, set_aside=row.set_aside)

    def plate(self, plate_id: int) -> PictureRequest | None:
        """What to ask `jpeg` for to see a plate; None where there is none of this number."""
        with self._engine.connect() as connection:
            row = connection.execute(_SELECT_PLATE, {"id": plate_id}).one_or_none()
        if row is None:
            return None
        quad = Quad.from_array(row.quad)
        return PictureRequest(row.image_id, _source(row), quad=quad, set_aside=row.set_aside)

    def jpeg(self, wanted: PictureRequest) -> bytes:
        """The picture, as JPEG.

        Raises:
            ImageRejected: the photograph is gone, another, not allowed, set aside, or cannot be
                decoded.
            TemporaryFault: its store is away, or does not let this process in.
            MemoryError: decoding it takes more memory than there is.
        """
        if (kept := self._cache.get(wanted.cache_key)) is not None:
            return kept
        if wanted.set_aside:
            raise ImageSetAside(wanted.set_aside)
        data = self._read(wanted.source)
        with self._decode_slots:
            photo = decode(data, max_pixels=self._settings.max_image_pixels).pixels
            made = _encode_jpeg(_warp_or_scale(photo, wanted))
        self._cache.put(wanted.cache_key, made)
        return made

    def _read(self, source: Source) -> bytes:
        store = self._stores[source.store]
        limit = self._settings.max_image_bytes
        return store.read(source.bucket, source.key, source.etag, limit=limit)


_SELECT_IMAGE = sa.text("""
    SELECT id, store, bucket, key, etag, CASE state WHEN 'quarantined' THEN reason END AS set_aside
      FROM images
     WHERE id = :id
""")
_SELECT_PLATE = sa.text("""
    SELECT image_id, store, bucket, key, etag, quad,
           CASE state WHEN 'quarantined' THEN reason END AS set_aside
      FROM plates JOIN images ON images.id = plates.image_id
     WHERE plates.id = :id
""")


def _source(row: "sa.Row[Any]") -> Source:
    return Source(row.store, row.bucket, row.key, row.etag)


def _warp_or_scale(photo: Photo, wanted: PictureRequest) -> Photo:
    """The plate seen straight on, or the photograph no wider and higher than its size allows."""
    if wanted.quad is not None:
        return rectify(photo, wanted.quad)
    high, wide = photo.shape[:2]
    scale = MAX_SIDE_PIXELS[wanted.size] / max(high, wide)
    if scale >= 1:
        return photo
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encode_jpeg(pixels: Photo) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=JPEG_QUALITY))
