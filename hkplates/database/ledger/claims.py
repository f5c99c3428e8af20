"""Leases images to workers: claims, releases, failure causes and quarantine."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from hkplates.database.ledger.release import release
from hkplates.database.ledger.states import image_ref
from hkplates.database.schema.failure_reasons import (
    MOST_ATTEMPTS,
    QUARANTINE_REASONS,
    FailureCause,
)
from hkplates.jobs import ImageRef

MOST_RETURNS = 12
"""An image that was released this often, over most of an hour, may be at fault itself."""
CANARY_POOL = 100_000
"""Images that ended last, among which a canary is looked for."""


class Claims:
    """The ledger as workers use it; safe to use from several threads.

    All methods raise DatabaseUnreachable where Postgres is away.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(
        self, refs: Sequence[ImageRef], lease_seconds: float, *, alone: bool = True
    ) -> list[ImageRef]:
        """Returns those of a message's images to work on now, in the message's order.

        Only rows that are queued under the same id, store, bucket, key and etag are claimed: a
        duplicate message does no harm and a forged one reads nothing. A claim counts an attempt and
        prolongs the lease. Rows of a paused submission go back to pending, uncounted. A row that
        was begun MOST_ATTEMPTS times and never ended is quarantined instead, with what broke its
        last attempt off as the reason.

        Images that are not to be worked alone but as a group (alone=False) may be broken off for a
        neighbour's sake: that counts as the first attempt, however often it happens, and rows that
        have a failure cause or were begun alone before are left out of a group, for a claim of
        their own.
        """
        wanted = {ref.id: ref for ref in refs}
        with self._engine.begin() as connection:
            rows = connection.execute(_LOCK_QUEUED, {"ids": sorted(wanted)}).all()
            ours = [row for row in rows if image_ref(row) == wanted[row.id]]
            if not alone:
                ours = [row for row in ours if row.attempts <= 1 and row.trouble is None]
            paused = _paused(connection, {row.submission_id for row in ours})
            active = [row for row in ours if row.submission_id not in paused]
            fresh = {row.id for row in active if row.attempts < MOST_ATTEMPTS}
            _release_untried(connection, [row.id for row in ours if row.submission_id in paused])
            _quarantine(connection, [row for row in active if row.id not in fresh])
            if fresh:
                values = {"ids": sorted(fresh), "seconds": lease_seconds, "alone": alone}
                connection.execute(_CLAIM, values)
        return [ref for ref in wanted.values() if ref.id in fresh]

    def record_failure_cause(self, image_id: int, cause: FailureCause) -> None:
        """Records what broke the attempt at a queued image off; repeated, it changes nothing.

        A crash does not hide that the image ran into a limit in an attempt before.
        """
        with self._engine.begin() as connection:
            connection.execute(_RECORD_FAILURE_CAUSE, {"id": image_id, "trouble": cause})

    def release(self, image_ids: Iterable[int], *, delay: bool = False) -> int:
        """Makes claimed images pending again after a temporary fault, and their attempt uncounted.

        With `delay` they are due only after a backoff: a service is away. Returns how many images
        were still queued.
        """
        return release(self._engine, image_ids, claimed=True, delay=delay)

    def canaries(self, image_ids: Iterable[int]) -> dict[int, ImageRef]:
        """Maps queued images that were released MOST_RETURNS times to a canary: the image of the
        same store and bucket whose bytes were served last.

        A store that does not serve the canary either is away, and no image is at fault. Images
        without a canary are left out.
        """
        found: dict[int, ImageRef] = {}
        values = {"ids": sorted(image_ids), "returns": MOST_RETURNS}
        with self._engine.connect() as connection:
            for bucket in connection.execute(_OFTEN_RELEASED, values).all():
                place = {"store": bucket.store, "bucket": bucket.bucket, "among": CANARY_POOL}
                if canary := connection.execute(_CANARY, place).one_or_none():
                    found |= dict.fromkeys(bucket.ids, image_ref(canary))
        return found


def _paused(connection: sa.Connection, submission_ids: set[int]) -> set[int]:
    """Returns those of some submissions that are paused."""
    if not submission_ids:
        return set()
    values = {"ids": sorted(submission_ids)}
    return set(connection.execute(_PAUSED, values).scalars())


def _release_untried(connection: sa.Connection, image_ids: list[int]) -> None:
    """Makes locked images pending as they are: nobody began them."""
    if image_ids:
        connection.execute(_RELEASE_UNTRIED, {"ids": image_ids})


def _quarantine(connection: sa.Connection, spent: Sequence[sa.Row[Any]]) -> None:
    """Quarantines images whose attempts are spent, each for its last failure cause."""
    reasons = {
        row.id: row.trouble if row.trouble in QUARANTINE_REASONS else "crashed" for row in spent
    }
    if reasons:
        values = [
            {"id": image_id, "reason": reason, "detail": QUARANTINE_REASONS[reason]}
            for image_id, reason in reasons.items()
        ]
        connection.execute(_QUARANTINE, values)


# Locks the queued images of a message
_LOCK_QUEUED = sa.text("""
    SELECT id, store, bucket, key, etag, attempts, trouble, submission_id FROM images
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
     ORDER BY id FOR UPDATE
""")

# Finds paused submissions. A statement of its own, after the images are locked: joined to them, it
# would lose the images that another submission took over while we waited for their locks.
_PAUSED = sa.text("""
    SELECT id FROM submissions WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'paused'
""")

# Claims images
_CLAIM = sa.text("""
    UPDATE images
       SET attempts = CASE WHEN :alone THEN attempts + 1 ELSE 1 END,
           leased_until = greatest(leased_until, now() + make_interval(secs => :seconds))
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

# Releases images of a paused submission
_RELEASE_UNTRIED = sa.text("""
    UPDATE images SET state = 'pending', leased_until = NULL
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

# Quarantines an image
_QUARANTINE = sa.text("""
    UPDATE images
       SET state = 'quarantined', leased_until = NULL, reason = :reason, detail = :detail,
           processed_at = now()
     WHERE id = :id
""")

# Records a failure cause. "crashed" is said of whatever took the process, somebody's kill included:
# it never hides a limit that the image ran into before.
_RECORD_FAILURE_CAUSE = sa.text("""
    UPDATE images
       SET trouble = CASE CAST(:trouble AS text) WHEN 'crashed' THEN coalesce(trouble, 'crashed')
                                                 ELSE :trouble END
     WHERE id = :id AND state = 'queued'
""")

# Groups images that were released too often by their bucket
_OFTEN_RELEASED = sa.text("""
    SELECT store, bucket, array_agg(id) AS ids FROM images
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued' AND returns >= :returns
     GROUP BY store, bucket
""")

# Finds a canary among the images that were looked at, also where they were found to be no picture.
# By the index over time, from its end: of the latest, nearly any will do.
_CANARY = sa.text("""
    SELECT id, store, bucket, key, etag
      FROM (SELECT * FROM images WHERE processed_at IS NOT NULL
             ORDER BY processed_at DESC LIMIT :among) AS latest
     WHERE store = :store AND bucket = :bucket AND NOT superseded
       AND (state = 'done' OR reason IN ('undecodable', 'truncated', 'unsupported'))
     LIMIT 1
""")
