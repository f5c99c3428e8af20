"""What comes back unread: due at once, or later where a service was away."""

from collections.abc import Iterable

import sqlalchemy as sa

from hkplates.database.ledger.dispatch import image_ref
from hkplates.jobs import ImageRef

FIRST_DELAY_SECONDS, MOST_DELAY_SECONDS = 15, 300
"""How long an image waits that was handed back for later: first, and at most; twice each time."""
MOST_RETURNS = 12
"""An image that comes back this often, over most of an hour, may be at fault itself."""
WITNESSES_AMONG = 100_000
"""Images that ended last, among which one is looked for that its store serves."""


class Returns:
    """The part of the ledger that takes back what was sent; usable from several threads.

    All methods raise DatabaseUnreachable where Postgres is away.
    """

    _engine: sa.Engine

    def hand_back(
        self, image_ids: Iterable[int], *, claimed: bool = True, delay: bool = False
    ) -> int:
        """Make queued images pending again, to be sent anew; how many there were.

        A worker hands back after a temporary fault, which gives the attempt of its claim back: only
        attempts that nobody came back from count. A producer that could not send passes
        claimed=False. With `delay` they are due only after a while, twice as long each time: a
        service is away, and other work must not wait behind theirs.
        """
        values = {"ids": sorted(image_ids), "returned": 1 if claimed else 0}
        delays = {"first_seconds": FIRST_DELAY_SECONDS, "most_seconds": MOST_DELAY_SECONDS}
        with self._engine.begin() as connection:
            if delay:
                return connection.execute(_HAND_BACK_LATER, {**values, **delays}).rowcount
            return connection.execute(_HAND_BACK, values).rowcount

    def witnesses(self, image_ids: Iterable[int]) -> dict[int, ImageRef]:
        """For queued images that came back MOST_RETURNS times: another of the same store and bucket
        whose bytes were served before, the latest. Images for which there is none are left out.

        A store that does not serve the other one either is away, and no image is at fault.
        """
        found: dict[int, ImageRef] = {}
        values = {"ids": sorted(image_ids), "returns": MOST_RETURNS}
        with self._engine.connect() as connection:
            for bucket in connection.execute(_OFTEN_RETURNED, values).all():
                place = {"store": bucket.store, "bucket": bucket.bucket, "among": WITNESSES_AMONG}
                if witness := connection.execute(_WITNESS, place).one_or_none():
                    found |= dict.fromkeys(bucket.ids, image_ref(witness))
        return found


_OFTEN_RETURNED = sa.text("""
    SELECT store, bucket, array_agg(id) AS ids FROM images
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued' AND returns >= :returns
     GROUP BY store, bucket
""")

# Of those that were looked at, also where they were found to be no picture. By the index over time,
# from its end: of the latest, nearly any will do.
_WITNESS = sa.text("""
    SELECT id, store, bucket, key, etag
      FROM (SELECT * FROM images WHERE processed_at IS NOT NULL
             ORDER BY processed_at DESC LIMIT :among) AS latest
     WHERE store = :store AND bucket = :bucket AND NOT superseded
       AND (state = 'done' OR reason IN ('undecodable', 'truncated', 'unsupported'))
     LIMIT 1
""")

_HAND_BACK = sa.text("""
    UPDATE images
       SET state = 'pending', leased_until = NULL, attempts = greatest(attempts - :returned, 0)
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
                   ORDER BY id FOR UPDATE)
""")

# The exponent is bounded before the power is taken, and the count before it leaves a smallint.
_HAND_BACK_LATER = sa.text("""
    UPDATE images
       SET state = 'pending', leased_until = NULL, attempts = greatest(attempts - :returned, 0),
           returns = least(returns, 1000) + 1,
           due_at = now() + make_interval(
               secs => least(:first_seconds * power(2, least(returns, 20)), :most_seconds))
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
                   ORDER BY id FOR UPDATE)
""")
