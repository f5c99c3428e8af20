"""Finds an interrupted listing and what it had recorded before."""

import sqlalchemy as sa

from hkplates.database.ledger.listed_images import Added
from hkplates.database.text import sanitise_text

_UNFINISHED = sa.text("""
    SELECT EXISTS (SELECT FROM submissions
                    WHERE state IN ('listing', 'running', 'paused') AND source = :source
                      AND (CAST(:name AS text) IS NULL OR name = :name))
""")

# Keys are listed in the order of their bytes, whatever order the database's language has.
_RECORDED = sa.text("""
    SELECT skipped,
           (SELECT count(*) FROM images
             WHERE submission_id = submissions.id AND NOT superseded
               AND key COLLATE "C" <= CAST(:after AS text) COLLATE "C") AS images
      FROM submissions WHERE id = :id
""")


def is_unfinished(engine: sa.Engine, source: str, name: str | None) -> bool:
    """Checks that submitting this source now would continue a submission."""
    values = {
        "source": sanitise_text(source),
        "name": None if name is None else sanitise_text(name),
    }
    with engine.connect() as connection:
        return bool(connection.execute(_UNFINISHED, values).scalar_one())


def listed_before(engine: sa.Engine, submission_id: int, after: str | None) -> Added:
    """Counts what a listing had recorded up to the key after which it was interrupted.

    What became rows of the submission is `known` to it now. Nothing, where it begins anew.
    """
    if after is None:
        return Added()
    with engine.connect() as connection:
        row = connection.execute(_RECORDED, {"id": submission_id, "after": after}).one()
    return Added(known=row.images, skipped=row.skipped)
