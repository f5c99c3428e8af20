"""Streams the readings of two model versions on the same images, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from hkplates.database.snapshot import snapshot, stream_rows
from hkplates.jobs import image_uri
from hkplates.recognition.geometry import Polygon

BATCH_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Reading:
    """A plate as one version read it; `corners` in pixels of the upright photograph.

    `pattern` is the mark; of a plate that is not seen whole with a ? for what is not seen.
    """

    mark: str
    text: str
    region: str
    rows: int
    colour: str
    confidence: float
    corners: Polygon
    pattern: str

    @property
    def complete(self) -> bool:
        """Whether the whole plate is seen."""
        return self.pattern == self.mark


@dataclass(frozen=True, slots=True)
class VersionPair:
    """An image that both versions have read to the end, with what each found: no plate, perhaps."""

    image_id: int
    uri: str
    old: list[Reading] = field(default_factory=list)
    new: list[Reading] = field(default_factory=list)


def image_pairs(
    engine: sa.Engine, old: int, new: int, submission: int | None = None
) -> Iterator[VersionPair]:
    """Yields the images that both versions have read, of one submission or all, in the order of
    their numbers and as they stand at one moment. Replaced contents are left out.

    Raises:
        DatabaseUnreachable: Postgres went away.
    """
    values = {"old": old, "new": new, "submission": submission}
    with (
        snapshot(engine) as connection,
        stream_rows(connection, _IMAGE_PAIRS, values, batch_rows=BATCH_ROWS) as rows,
    ):
        for _, of_image in groupby(rows, attrgetter("id")):
            yield _version_pair(list(of_image))


def _version_pair(rows: list[sa.Row[Any]]) -> VersionPair:
    first = rows[0]
    image = VersionPair(first.id, image_uri(first.store, first.bucket, first.key))
    for row in rows:
        if row.is_new is not None:
            (image.new if row.is_new else image.old).append(_reading(row))
    return image


def _reading(row: sa.Row[Any]) -> Reading:
    corners = tuple((x, y) for x, y in row.quad)
    return Reading(
        row.mark,
        row.text,
        row.region,
        row.plate_rows,
        row.colour,
        row.confidence,
        corners,
        row.pattern,
    )


# Selects the plates of both versions on each image that both have read, and one row without a plate
# where neither found any. A version that read an image is either its current one or one of the
# earlier ones, never both: of two, one at least is noted as earlier, and those may be few.
_IMAGE_PAIRS = sa.text("""
    WITH noted AS (
        SELECT image_id, count(*) AS versions FROM earlier_versions
         WHERE model_version_id IN (:old, :new) GROUP BY image_id)
    SELECT images.id, store, bucket, key, plates.model_version_id = :new AS is_new,
           mark, text, region, plates.rows AS plate_rows, colour, confidence, quad,
           coalesce(pattern, mark) AS pattern
      FROM noted JOIN images ON images.id = noted.image_id
      LEFT JOIN plates ON plates.image_id = images.id AND plates.model_version_id IN (:old, :new)
     WHERE NOT images.superseded
       AND (versions = 2 OR images.model_version_id IN (:old, :new))
       AND (CAST(:submission AS bigint) IS NULL OR images.submission_id = :submission)
     ORDER BY images.id, plates.position
""")
