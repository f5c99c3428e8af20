"""The statements of dispatching. All values are bound; all times are the database's clock."""

import sqlalchemy as sa

# Images came back lately, and none ended since: what they need is away. The few that came back have
# an index of their own; among a million that wait they would be long to find.
WAITING = sa.text("""
    SELECT id,
           (SELECT count(*) FROM images
             WHERE submission_id = submissions.id AND state = 'queued') AS queued,
           EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state = 'pending' AND returns > 0
                      AND due_at > now() - make_interval(secs => :trouble_seconds))
           AND NOT EXISTS (SELECT FROM images
                            WHERE processed_at > now() - make_interval(secs => :trouble_seconds)
                              AND submission_id = submissions.id) AS troubled
      FROM submissions
     WHERE state IN ('listing', 'running')
       AND EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state = 'pending' AND due_at <= now())
     ORDER BY id
""")

QUEUED = sa.text("""
    SELECT id FROM images WHERE state = 'queued' ORDER BY leased_until LIMIT :limit
""")

# Rows are locked by id, as everywhere.
SHORTEN_LEASES = sa.text("""
    UPDATE images SET leased_until = now() + make_interval(secs => :seconds)
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued' AND attempts > 0
                     AND leased_until > now() + make_interval(secs => :seconds)
                   ORDER BY id FOR UPDATE SKIP LOCKED)
""")

SEND_AGAIN = sa.text("""
    UPDATE images SET state = 'pending', leased_until = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued' AND attempts = 0
                   ORDER BY id FOR UPDATE SKIP LOCKED)
""")
