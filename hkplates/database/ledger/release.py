"""Releases queued images that were not worked: due at once, or later where a service was away."""

from collections.abc import Iterable

import sqlalchemy as sa

FIRST_DELAY_SECONDS, MOST_DELAY_SECONDS = 15, 300
"""Backoff of an image that is released for later: the first delay, and the longest; each is twice
the one before."""


def release(
    engine: sa.Engine, image_ids: Iterable[int], *, claimed: bool, delay: bool = False
) -> int:
    """Makes queued images pending again, to be sent anew; returns how many there were.

    `claimed`: gives the attempt of their claim back, since only attempts that nobody came back from
    count. `delay`: backs off exponentially, because a service is away and other work must not wait
    behind theirs.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    values = {"ids": sorted(image_ids), "returned": 1 if claimed else 0}
    delays = {"first_seconds": FIRST_DELAY_SECONDS, "most_seconds": MOST_DELAY_SECONDS}
    with engine.begin() as connection:
        if delay:
            return connection.execute(_RELEASE_FOR_LATER, {**values, **delays}).rowcount
        return connection.execute(_RELEASE, values).rowcount


# Makes queued images pending, due at once
_RELEASE = sa.text("""
    UPDATE images
       SET state = 'pending', leased_until = NULL, attempts = greatest(attempts - :returned, 0)
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
                   ORDER BY id FOR UPDATE)
""")

# Makes queued images pending, due after a backoff. The exponent is bounded before the power is
# taken, and the count before it leaves a smallint.
_RELEASE_FOR_LATER = sa.text("""
    UPDATE images
       SET state = 'pending', leased_until = NULL, attempts = greatest(attempts - :returned, 0),
           returns = least(returns, 1000) + 1,
           due_at = now() + make_interval(
               secs => least(:first_seconds * power(2, least(returns, 20)), :most_seconds))
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
                   ORDER BY id FOR UPDATE)
""")
