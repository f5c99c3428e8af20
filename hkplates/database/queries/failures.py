"""Images that failed or were set aside, however many: read as they are asked for."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from hkplates.jobs import StoreKind

BATCH_ROWS = 1000
"""Rows that are held in memory."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that ended without a result; `state` is failed or quarantined.

    `attempts`: how often a worker began it. `at`: when it ended so, or None where nobody noted it.
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
        """As in the view sightings."""
        if self.store == "s3":
            return f"s3://{self.bucket}/{self.key}"
        return f"file://{self.bucket.rstrip('/')}/{self.key}"


def failures(
    engine: sa.Engine,
    submission_id: int | None = None,
    reason: str | None = None,
    limit: int | None = None,
    *,
    after: int = 0,
) -> Generator[Failure, None, None]:
    """Images that failed or were set aside, those of the newest submission first.

    Those of one submission come in the order of their numbers; `after` a number go on from there.
    As they stand at one moment. Close it (contextlib.closing) where it is not read to its end.
    """
    options = {"stream_results": True, "max_row_buffer": BATCH_ROWS}
    left = None if limit is None else min(limit, 2**31)
    with engine.connect() as connection:
        # One moment for all submissions, which are asked one by one: each has an index of its own.
        connection = connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        found = connection.execute(_SUBMISSIONS, {"id": submission_id}).scalars().all()
        for number in found:
            if left == 0:
                return
            values = {"id": number, "reason": reason, "limit": left, "after": after}
            with connection.execute(_FAILURES, values, execution_options=options) as rows:
                for row in rows:
                    left = None if left is None else left - 1
                    yield Failure(*row)


def count_failures(
    engine: sa.Engine, submission_id: int | None = None, reason: str | None = None
) -> int:
    """How many images failed or were set aside: of one submission or all, of one reason or all."""
    with engine.connect() as connection:
        found = connection.execute(_SUBMISSIONS, {"id": submission_id}).scalars().all()
        values = [{"id": number, "reason": reason} for number in found]
        return sum(connection.execute(_COUNT, one).scalar_one() for one in values)


_SUBMISSIONS = sa.text("""
    SELECT id FROM submissions
     WHERE (CAST(:id AS bigint) IS NULL OR id = :id)
       AND EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state IN ('failed', 'quarantined'))
     ORDER BY id DESC
""")

_FAILURES = sa.text("""
    SELECT submission_id, id, store, bucket, key, state, reason, detail, attempts, processed_at
      FROM images
     WHERE submission_id = :id AND state IN ('failed', 'quarantined') AND id > :after
       AND (CAST(:reason AS text) IS NULL OR reason = :reason)
     ORDER BY id LIMIT CAST(:limit AS bigint)
""")

# Each submission alone, by its index: those that failed are few among all images.
_COUNT = sa.text("""
    SELECT count(*) FROM images
     WHERE submission_id = :id AND state IN ('failed', 'quarantined')
       AND (CAST(:reason AS text) IS NULL OR reason = :reason)
""")
