"""What the view sightings shows of a plate, in SQLAlchemy, for those who also ask for what it hides
or need other columns."""

import sqlalchemy as sa

from hkplates.database.tables import Image, Plate
from hkplates.database.text import storable

uri = sa.case(
    (Image.store == "s3", "s3://" + Image.bucket + "/" + Image.key),
    else_="file://" + sa.func.rtrim(Image.bucket, "/") + "/" + Image.key,
)
mark = sa.func.coalesce(Plate.corrected_mark, Plate.mark)
text = sa.func.coalesce(Plate.corrected_text, Plate.text)
series = sa.func.coalesce(Plate.corrected_series, Plate.series)

CURRENT = (
    Image.id == Plate.image_id,
    Image.model_version_id == Plate.model_version_id,
    ~Image.superseded,
)
"""The plate is of its image's current model version, and the image of its key's content."""
SHOWN = (*CURRENT, Plate.review.is_distinct_from("not_a_plate"))


def begins(prefix: str) -> sa.ColumnElement[bool]:
    """That an image's URI (where the prefix has `://`), else its key, begins so."""
    return sa.func.starts_with(uri if "://" in prefix else Image.key, storable(prefix))
