"""The statements of pause, resume, cancel and retry. Submissions are locked before images."""

import sqlalchemy as sa

from hkplates.database.ledger.intake_sql import AGAIN

LOCK_SUBMISSION = sa.text(
    "SELECT id, source, state FROM submissions WHERE id = :id FOR NO KEY UPDATE"
)

PAUSE = sa.text("UPDATE submissions SET state = 'paused' WHERE id = :id RETURNING state")

# A listing that was not finished is one still; whoever submits the source goes on with it.
RESUME = sa.text("""
    UPDATE submissions
       SET state = CASE WHEN listed_at IS NULL THEN 'listing' ELSE 'running' END, opened_at = now()
     WHERE id = :id
    RETURNING state
""")

CANCEL = sa.text("""
    UPDATE submissions SET state = 'cancelled', finished_at = now(), listing_after = NULL
     WHERE id = :id
    RETURNING state
""")

# By id, each after the last: a choice that begins anew each time reads again past all that it chose
# before, which for a million images takes hours.
CHOOSE_UNFINISHED = sa.text("""
    SELECT id FROM images
     WHERE submission_id = :id AND state IN ('pending', 'queued') AND id > :after
     ORDER BY id LIMIT :limit
""")

# One that was looked at to the end before is what it was then: done.
CANCEL_IMAGES = sa.text("""
    UPDATE images
       SET state = CASE WHEN model_version_id IS NULL THEN 'cancelled' ELSE 'done' END,
           leased_until = NULL, trouble = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND submission_id = :id
                     AND state IN ('pending', 'queued')
                   ORDER BY id FOR UPDATE)
    RETURNING state
""")

NOW = sa.text("SELECT now()")

SUBMISSIONS_TO_RETRY = sa.text("""
    SELECT id FROM submissions
     WHERE (CAST(:id AS bigint) IS NULL OR id = :id)
       AND EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state IN ('failed', 'quarantined'))
     ORDER BY id
""")

# Those alone that had ended when it began: what fails again meanwhile would go round for ever.
CHOOSE_REJECTED = sa.text("""
    SELECT id FROM images
     WHERE submission_id = :id AND state IN ('failed', 'quarantined')
       AND (CAST(:reason AS text) IS NULL OR reason = :reason)
       AND (processed_at IS NULL OR processed_at < :began)
       AND id > :after
     ORDER BY id LIMIT :limit
""")

LOCK_REJECTED = sa.text("""
    SELECT id, reason FROM images
     WHERE id = ANY(CAST(:ids AS bigint[])) AND submission_id = :id
       AND state IN ('failed', 'quarantined')
     ORDER BY id FOR UPDATE
""")

RETRY_IMAGES = sa.text(
    f"UPDATE images SET {AGAIN} WHERE id = ANY(CAST(:ids AS bigint[]))"  # noqa: S608 - a constant
)

REOPEN_SUBMISSION = sa.text("""
    UPDATE submissions
       SET state = CASE WHEN state = 'finished' THEN 'running' ELSE state END,
           finished_at = NULL, opened_at = now()
     WHERE id = :id
    RETURNING state
""")
