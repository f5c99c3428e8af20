"""Expresses the columns and conditions of the view sightings in SQLAlchemy.

For queries that also ask for what the view hides, or need other columns.
"""

import re

import sqlalchemy as sa

from hkplates.database.schema.images import Image
from hkplates.database.schema.plates import Plate
from hkplates.database.text import sanitise_text

uri = sa.case(
    (Image.store == "s3", "s3://" + Image.bucket + "/" + Image.key),
    else_="file://" + sa.func.rtrim(Image.bucket, "/") + "/" + Image.key,
)
mark = sa.func.coalesce(Plate.corrected_mark, Plate.mark)
text = sa.func.coalesce(Plate.corrected_text, Plate.text)
series = sa.func.coalesce(Plate.corrected_series, Plate.series)
# A person who corrects a reading says the whole mark.
complete = sa.or_(Plate.pattern.is_(None), Plate.corrected_mark.is_not(None))
pattern = sa.func.coalesce(Plate.corrected_mark, Plate.pattern, Plate.mark)

IS_CURRENT = (
    Image.id == Plate.image_id,
    Image.model_version_id == Plate.model_version_id,
    ~Image.superseded,
)
"""The plate is of its image's current model version, and the image of its key's content."""
IS_SIGHTING = (*IS_CURRENT, Plate.review.is_distinct_from("not_a_plate"))


_KEY = re.compile(r"s3://[^/]*/(.*)", re.DOTALL)
INDEXED: sa.ColumnElement[int] = sa.literal_column("64")
"""Characters of a key that its index holds."""


def key_starts_with(
    prefix: str,
    key: sa.ColumnElement[str] = Image.__table__.c.key,
    uri: sa.ColumnElement[str] = uri,
) -> sa.ColumnElement[bool]:
    """Returns the condition that an image's URI (a prefix with `://`) or its key starts so."""
    prefix = sanitise_text(prefix)
    if "://" not in prefix:
        return _starts_with(key, prefix)
    found = _KEY.fullmatch(prefix)
    whole = sa.func.starts_with(uri, prefix)
    return whole if found is None else sa.and_(whole, _starts_with(key, found[1]))


def _starts_with(key: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """Compares twice: the start of the key, as the index has it, and the whole key."""
    indexed = sa.func.starts_with(sa.func.left(key, INDEXED), sa.func.left(prefix, INDEXED))
    return sa.and_(indexed, sa.func.starts_with(key, prefix))
