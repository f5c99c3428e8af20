"""Draws the plates of the database into copies of their photographs."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from hkplates.recognition.images.annotate import save_annotated
from hkplates.recognition.images.decode import decode
from hkplates.recognition.types import Box, Quad, Region
from hkplates.settings import Settings
from hkplates.storage.base import Store
from producer.sources import Source

PHOTO_LIMIT = 12

_PHOTOS = sa.text("""
    SELECT i.key, i.etag, array_agg(p.id ORDER BY p.position) AS plates
      FROM images i JOIN plates p ON p.image_id = i.id AND p.model_version_id = i.model_version_id
     WHERE i.bucket = :bucket AND starts_with(i.key, :prefix) AND i.state = 'done'
     GROUP BY i.id ORDER BY i.key LIMIT :most
""")
_PLATES = sa.text(
    "SELECT coalesce(pattern, mark) AS pattern, region, confidence, quad FROM plates "
    "WHERE id = ANY(:plates)"
)


@dataclass(frozen=True, slots=True)
class DrawnPlate:
    """The columns of a row of `plates` that a picture shows."""

    pattern: str
    region: Region
    confidence: float
    quad: Quad

    @property
    def box(self) -> Box:
        return self.quad.bounds()


def draw_photographs(
    engine: sa.Engine, store: Store, source: Source, folder: Path, settings: Settings
) -> list[Path]:
    """Writes marked copies of the first photographs that have plates; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"bucket": source.bucket, "prefix": source.prefix, "most": PHOTO_LIMIT}
    with engine.connect() as connection:
        return [
            _draw(photo, _plates(connection, photo.plates), store, source, folder, settings)
            for photo in connection.execute(_PHOTOS, values)
        ]


def _plates(connection: sa.Connection, ids: list[int]) -> list[DrawnPlate]:
    rows = connection.execute(_PLATES, {"plates": ids})
    return [
        DrawnPlate(row.pattern, row.region, row.confidence, Quad.from_array(row.quad))
        for row in rows
    ]


def _draw(
    photo: "sa.Row[tuple[str, str, list[int]]]",
    plates: list[DrawnPlate],
    store: Store,
    source: Source,
    folder: Path,
    settings: Settings,
) -> Path:
    data = store.read(source.bucket, photo.key, photo.etag, limit=settings.max_image_bytes)
    pixels = decode(data, max_pixels=settings.max_image_pixels).pixels
    return save_annotated(pixels, plates, f"{source.bucket}/{photo.key}", folder)
