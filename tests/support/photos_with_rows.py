"""Records existing photographs of a folder in the database, with plates."""

from pathlib import Path

import sqlalchemy as sa

from hkplates.database.schema.images import Image, Submission
from hkplates.database.schema.plates import ModelVersionRow, Plate
from hkplates.database.text import image_digest
from hkplates.storage.folder import FolderStore


def record_as_read(
    engine: sa.Engine, folder: Path, size: tuple[int, int], quad: list[list[float]] | None = None
) -> list[int]:
    """Records every file of a folder as read, each with a plate; returns image ids, by key."""
    entries = sorted(FolderStore().list(str(folder), ""), key=lambda entry: entry.key)
    with engine.begin() as connection:
        version = {"detector": "d", "reader": "r", "config": {}, "digest": b"1" * 32}
        number = connection.execute(
            sa.insert(ModelVersionRow).values(version).returning(ModelVersionRow.id)
        ).scalar_one()
        submission = connection.execute(
            sa.insert(Submission).values(source=str(folder)).returning(Submission.id)
        ).scalar_one()
        rows = [
            {
                "submission_id": submission,
                "store": "folder",
                "bucket": str(folder),
                "key": entry.key,
                "etag": entry.etag,
                "size": entry.size,
                "digest": image_digest("folder", str(folder), entry.key, entry.etag),
                "state": "done",
                "model_version_id": number,
                "width": size[0],
                "height": size[1],
            }
            for entry in entries
        ]
        ids = list(connection.execute(sa.insert(Image).returning(Image.id), rows).scalars())
        plates = [_plate(one, number, quad or [[0, 0], [24, 0], [24, 16], [0, 16]]) for one in ids]
        connection.execute(sa.insert(Plate), plates)
    return ids


def _plate(image_id: int, version: int, quad: list[list[float]]) -> dict[str, object]:
    return {
        "image_id": image_id,
        "model_version_id": version,
        "position": 0,
        "mark": "AB1234",
        "text": "AB 1234",
        "series": "usual",
        "region": "HK",
        "rows": 1,
        "colour": "white",
        "confidence": 0.5,
        "character_confidences": [0.9] * 6,
        "candidates": [{"text": "AB 1234", "confidence": 0.5}],
        "box": [0.0, 0.0, 24.0, 16.0],
        "quad": quad,
        "detector_score": 0.9,
        "reader": "neural",
    }
