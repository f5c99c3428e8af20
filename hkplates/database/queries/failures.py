"""Streams the images that failed or are quarantined, in constant memory."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hkplates.database.snapshot import snapshot, stream_rows
from hkplates.jobs import StoreKind, image_uri

BATCH_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that ended without a result; `state` is failed or quarantined.

    `attempts` counts how often a worker began it; `ended_at` is None where that was not recorded.
    """

    submission: int
    image: int
    store: StoreKind
    bucket: str
    key: str
    state: str
    reason: str
    detail: str | None
    attempts: int
    ended_at: datetime | None

    @property
    def uri(self) -> str:
        return image_uri(self.store, self.bucket, self.key)


def failures(
    engine: sa.Engine,
    submission_id: int | None = None,
    reason: str | None = None,
    limit: int | None = None,
    *,
    after: int = 0,
) -> Generator[Failure, None, None]:
    """Yields the images that failed or are quarantined, those of the newest submission first.

    Those of one submission come in the order of their numbers, from the one that follows `after`.
    As they stand at one moment. Close it (contextlib.closing) where it is not read to its end.

    Raises:
        DatabaseUnreachable: Postgres went away.
    """
    left = None if limit is None else min(limit, 2**31)
    # One moment for all submissions, which are asked one by one: each has an index of its own.
    with snapshot(engine, planned_for_all_rows=False) as connection:
        found = connection.execute(_SUBMISSIONS, {"id": submission_id}).scalars().all()
        for number in found:
            if left == 0:
                return
            values = {"id": number, "reason": reason, "limit": left, "after": after}
            with stream_rows(connection, _FAILURES, values, batch_rows=BATCH_ROWS) as rows:
                for row in rows:
                    left = None if left is None else left - 1
                    yield Failure(*row)


def count_failures(
    engine: sa.Engine, submission_id: int | None = None, reason: str | None = None
) -> int:
    """Counts the images that failed or are quarantined, of one submission or all, of one reason or
    all."""
    with engine.connect() as connection:
        found = connection.execute(_SUBMISSIONS, {"id": submission_id}).scalars().all()
        values = [{"id": number, "reason": reason} for number in found]
        return sum(connection.execute(_COUNT, one).scalar_one() for one in values)


# Selects the submissions that have such images, the newest first.
_SUBMISSIONS = sa.text("""
    SELECT id FROM submissions
     WHERE (CAST(:id AS bigint) IS NULL OR id = :id)
       AND EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state IN ('failed', 'quarantined'))
     ORDER BY id DESC
""")

# Selects such images of one submission.
_FAILURES = sa.text("""
    SELECT submission_id, id, store, bucket, key, state, reason, detail, attempts, processed_at
      FROM images
     WHERE submission_id = :id AND state IN ('failed', 'quarantined') AND id > :after
       AND (CAST(:reason AS text) IS NULL OR reason = :reason)
     ORDER BY id LIMIT CAST(:limit AS bigint)
""")

# Counts such images of one submission, by its index: they are few among all.
_COUNT = sa.text("""
    SELECT count(*) FROM images
     WHERE submission_id = :id AND state IN ('failed', 'quarantined')
       AND (CAST(:reason AS text) IS NULL OR reason = :reason)
""")
