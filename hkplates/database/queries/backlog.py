"""Measures the backlog: images left, the last one that ended, and the time that work has waited."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

MAX_COUNTED = 100_000
"""Images are counted so far and no further: counting millions takes seconds."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The work that is left of all submissions that are neither paused nor ended.

    `left` counts their images that are pending or queued, up to MAX_COUNTED, and `queued` those of
    them that were sent. `begun` is True if a worker has begun any of these, `returned` if workers
    handed any back unread. `idle_seconds` is the time that work has waited while nothing ended; 0
    where none is left.
    """

    submissions: int
    left: int
    queued: int
    begun: bool
    returned: bool
    last_ended: datetime | None
    seconds_since_ended: float | None
    idle_seconds: float

    @property
    def is_exact(self) -> bool:
        """Returns whether `left` counts them all."""
        return self.left < MAX_COUNTED


def read_backlog(engine: sa.Engine) -> Backlog:
    """Reads the backlog, with times by the database's clock.

    Raises:
        DatabaseUnreachable: Postgres does not answer.
    """
    with engine.connect() as connection:
        row = connection.execute(_BACKLOG, {"most": MAX_COUNTED}).one()
    idle = max(0.0, row.idle) if row.left_over else 0.0
    return Backlog(
        row.submissions,
        row.left_over,
        row.queued,
        row.begun,
        row.returned,
        row.last_ended,
        row.seconds_since_ended,
        idle,
    )


# Measures the backlog of the open submissions. Work that was never sent waits since it was due, for
# a listing may go on for hours before it finds any; what was sent or came back waits since its
# submission was opened. The second SELECT holds a window of images, normally some hundreds.
_BACKLOG = sa.text("""
    WITH open AS MATERIALIZED (
        SELECT id, opened_at FROM submissions WHERE state IN ('listing', 'running')),
    waiting AS (
        SELECT min(CASE WHEN oldest.returns = 0 THEN greatest(oldest.due_at, open.opened_at)
                        ELSE open.opened_at END) AS since
          FROM open, LATERAL (
              (SELECT due_at, returns FROM images
                WHERE submission_id = open.id AND state = 'pending'
                ORDER BY due_at, id LIMIT 1)
              UNION ALL
              (SELECT due_at, returns FROM images
                WHERE submission_id = open.id AND state = 'queued' LIMIT :most)) AS oldest),
    ended AS (SELECT max(processed_at) AS at FROM images)
    SELECT (SELECT count(*) FROM open) AS submissions,
           (SELECT count(*) FROM (
               SELECT FROM open JOIN images ON submission_id = open.id
                WHERE images.state IN ('pending', 'queued') LIMIT :most) AS counted) AS left_over,
           (SELECT count(*) FROM (
               SELECT FROM open JOIN images ON submission_id = open.id
                WHERE images.state = 'queued' LIMIT :most) AS counted) AS queued,
           EXISTS (SELECT FROM open JOIN images ON submission_id = open.id
                    WHERE images.state = 'queued' AND attempts > 0) AS begun,
           EXISTS (SELECT FROM open JOIN images ON submission_id = open.id
                    WHERE images.state = 'pending' AND returns > 0) AS returned,
           ended.at AS last_ended,
           CAST(extract(epoch FROM now() - ended.at) AS float) AS seconds_since_ended,
           CAST(extract(epoch FROM now() - greatest(ended.at, waiting.since)) AS float) AS idle
      FROM waiting, ended
""")
