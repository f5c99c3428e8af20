"""Lists model versions, what each has read, and which was used last."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hkplates.recognition.model_version import ModelVersion


def model_row(version: ModelVersion) -> dict[str, Any]:
    """Returns a model version's columns; its digest is equal exactly where all else is."""
    config = _plain(version.config)
    row: dict[str, Any] = {
        "detector": version.detector,
        "reader": version.reader,
        "config": config,
    }
    canonical = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return {**row, "digest": hashlib.sha256(canonical.encode()).digest()}


def _plain(values: Mapping[str, object]) -> Any:
    """Converts mappings and sequences of any type to plain JSON values."""
    return json.loads(json.dumps(dict(values), sort_keys=True, default=str))


@dataclass(frozen=True, slots=True)
class ModelVersionUsage:
    """A model version with counts of the images that it has read to the end.

    `images` are all of these; of `current` ones its reading is the one that sightings shows.
    `first_used` and `last_used` are None where it has read none.
    """

    id: int
    detector: str
    reader: str
    config: dict[str, Any]
    images: int
    current: int
    first_used: datetime | None
    last_used: datetime | None


def versions(engine: sa.Engine) -> list[ModelVersionUsage]:
    """Returns all model versions, the oldest first. It counts all images, which takes a while."""
    with engine.connect() as connection:
        return [ModelVersionUsage(**row) for row in connection.execute(_USED).mappings()]


def exists(engine: sa.Engine, number: int) -> bool:
    """Checks that there is a model version of this id."""
    query = sa.text("SELECT EXISTS (SELECT FROM model_versions WHERE id = :number)")
    with engine.connect() as connection:
        return bool(connection.execute(query, {"number": number}).scalar_one())


def number_of(engine: sa.Engine, version: ModelVersion) -> int | None:
    """Returns the id of a model version, or None where nobody has used it yet."""
    query = sa.text("SELECT id FROM model_versions WHERE digest = :digest")
    with engine.connect() as connection:
        values = {"digest": model_row(version)["digest"]}
        return connection.execute(query, values).scalar_one_or_none()


def last_used(engine: sa.Engine) -> int | None:
    """Returns the id of the version that read the image that was done last; None if none was."""
    with engine.connect() as connection:
        return connection.execute(_LAST_USED).scalar_one_or_none()


# Counts the images of each version. An image that failed or was quarantined when it was read again
# has the time of that.
_USED = sa.text("""
    WITH read AS (
        SELECT model_version_id, count(*) AS current, 0 AS earlier,
               min(processed_at) FILTER (WHERE reason IS NULL) AS first_used,
               max(processed_at) FILTER (WHERE reason IS NULL) AS last_used
          FROM images WHERE model_version_id IS NOT NULL GROUP BY model_version_id
        UNION ALL
        SELECT model_version_id, 0, count(*), min(processed_at), max(processed_at)
          FROM earlier_versions GROUP BY model_version_id)
    SELECT id, detector, reader, config,
           coalesce(sum(current + earlier), 0)::bigint AS images,
           coalesce(sum(current), 0)::bigint AS current,
           min(first_used) AS first_used, max(last_used) AS last_used
      FROM model_versions LEFT JOIN read ON read.model_version_id = model_versions.id
     GROUP BY id ORDER BY id
""")

# Finds the version that was used last
_LAST_USED = sa.text("""
    SELECT model_version_id FROM images
     WHERE processed_at IS NOT NULL AND state = 'done' ORDER BY processed_at DESC LIMIT 1
""")
