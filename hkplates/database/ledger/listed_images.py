"""Inserts and updates the rows of a batch of listed images."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from hkplates.database.ledger.states import RESET_TO_PENDING
from hkplates.database.text import image_digest, sanitise_text
from hkplates.jobs import StoreKind


class Listed(Protocol):
    """An entry of a store's listing (hkplates.storage.base.Entry)."""

    @property
    def key(self) -> str: ...
    @property
    def etag(self) -> str: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Added:
    """Counts of listed images by what became of them.

    `new` rows; `retried` ones that had failed; `taken_over` ones that waited under another
    submission; `known` ones that this submission had already; `skipped` ones that another has
    ended.
    """

    new: int = 0
    retried: int = 0
    taken_over: int = 0
    known: int = 0
    skipped: int = 0

    @property
    def listed(self) -> int:
        return self.new + self.retried + self.taken_over + self.known + self.skipped

    def __add__(self, other: "Added") -> "Added":
        return Added(
            self.new + other.new,
            self.retried + other.retried,
            self.taken_over + other.taken_over,
            self.known + other.known,
            self.skipped + other.skipped,
        )


def save_listed(connection: sa.Connection, submission_id: int, batch: dict[str, Any]) -> Added:
    """Makes a batch rows of a locked submission; returns what became of each image."""
    if not batch["digests"]:
        return Added()
    values = {"submission_id": submission_id, **batch}
    retried, taken = _change_listed(connection, values)
    new = connection.execute(INSERT_IMAGES, values).rowcount
    ours = connection.execute(_COUNT_OURS, values).scalar_one()
    return Added(new, retried, taken, ours - new - retried - taken, len(values["digests"]) - ours)


def _change_listed(connection: sa.Connection, values: dict[str, Any]) -> tuple[int, int]:
    """Updates rows that a batch names; returns how many were retried and taken over."""
    rows = connection.execute(LOCK_LISTED, values).all()
    listed = [row.id for row in rows if row.listed]
    stale = [row.id for row in rows if not row.listed]
    if stale:
        connection.execute(_SUPERSEDE, {"stale": stale})
    if not listed:
        return 0, 0
    values = {"submission_id": values["submission_id"], "listed": listed}
    taken = connection.execute(_TAKE_OVER, values).rowcount
    retried = connection.execute(_RETRY_IMAGES, values).rowcount
    connection.execute(_UNSUPERSEDE, {"listed": listed})
    return retried, taken


def batch_of(store: StoreKind, bucket: str, entries: Iterable[Listed]) -> dict[str, Any]:
    """Returns each image once, as columns, in the order of keys: one order for all producers."""
    rows = sorted({(sanitise_text(e.key), sanitise_text(e.etag)): e.size for e in entries}.items())
    return {
        "store": store,
        "bucket": bucket,
        "keys": [key for (key, _), _ in rows],
        "etags": [etag for (_, etag), _ in rows],
        "sizes": [size for _, size in rows],
        "digests": [image_digest(store, bucket, key, etag) for (key, etag), _ in rows],
    }


# Selects what submitting tries again. An image that was set aside is left to `retry`, which leaves
# alone what was cancelled: of a cancelled submission it would be out of everyone's reach.
_TRIED_AGAIN = """
    (images.state IN ('failed', 'cancelled')
     OR images.state = 'quarantined'
        AND EXISTS (SELECT FROM submissions AS of_image
                     WHERE of_image.id = images.submission_id AND of_image.state = 'cancelled'))
"""

# Locks all rows that a batch changes, at once and in the order of ids: those that are listed, and
# those of another content under a listed key. Most batches change none.
LOCK_LISTED = sa.text(f"""
    WITH listed AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:digests AS bytea[])) AS one (key, digest))
    SELECT id, digest = ANY(CAST(:digests AS bytea[])) AS listed FROM images
     WHERE id IN (
        SELECT images.id FROM images JOIN listed ON listed.digest = images.digest
         WHERE {_TRIED_AGAIN} OR images.superseded
            OR images.state IN ('pending', 'queued') AND images.submission_id <> :submission_id
        UNION ALL
        SELECT images.id FROM images JOIN listed ON listed.key = images.key
         WHERE images.store = :store AND images.bucket = :bucket AND NOT images.superseded
           AND NOT EXISTS (SELECT FROM listed AS same WHERE same.digest = images.digest))
     ORDER BY id FOR UPDATE
""")  # noqa: S608 - a constant

# Makes failed and cancelled images pending
_RETRY_IMAGES = sa.text(f"""
    UPDATE images SET submission_id = :submission_id, {RESET_TO_PENDING}
     WHERE id = ANY(CAST(:listed AS bigint[])) AND {_TRIED_AGAIN}
""")  # noqa: S608 - a constant

# Takes images over that wait or are queued under another submission
_TAKE_OVER = sa.text("""
    UPDATE images SET submission_id = :submission_id
     WHERE id = ANY(CAST(:listed AS bigint[])) AND state IN ('pending', 'queued')
       AND submission_id <> :submission_id
""")

# Makes a content that came back the current one of its key
_UNSUPERSEDE = sa.text("""
    UPDATE images SET superseded = false
     WHERE id = ANY(CAST(:listed AS bigint[])) AND superseded
""")

# Supersedes the earlier contents of a key
_SUPERSEDE = sa.text("""
    UPDATE images SET superseded = true WHERE id = ANY(CAST(:stale AS bigint[]))
""")

# Inserts those images alone that are not there: ON CONFLICT waits for whoever is changing a row
# that is, in the order of keys, while a worker waits in the order of ids for rows that we have
# locked. In the order of keys, since two producers that insert the same wait for each other there.
INSERT_IMAGES = sa.text("""
    INSERT INTO images (submission_id, store, bucket, key, etag, size, digest)
    SELECT :submission_id, :store, :bucket, key, etag, size, digest
      FROM unnest(CAST(:keys AS text[]), CAST(:etags AS text[]), CAST(:sizes AS bigint[]),
                  CAST(:digests AS bytea[]))
           WITH ORDINALITY AS listed (key, etag, size, digest, place)
     WHERE NOT EXISTS (SELECT FROM images WHERE images.digest = listed.digest)
     ORDER BY place
    ON CONFLICT (digest) DO NOTHING
""")

# Counts the images of a batch that the submission has
_COUNT_OURS = sa.text("""
    SELECT count(*) FROM images
     WHERE digest = ANY(CAST(:digests AS bytea[])) AND submission_id = :submission_id
""")
