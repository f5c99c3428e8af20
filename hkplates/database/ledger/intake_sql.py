"""The statements of the ledger. All values are bound; all times are the database's clock."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

LOCK_SOURCE = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended('hkplates submission ' || :source, 0))"
)

# The state is asked again once the row is locked: it may have been cancelled or finished meanwhile.
# A listing from the start counts what it skips anew.
CONTINUE_SUBMISSION = sa.text("""
    WITH found AS MATERIALIZED (
        SELECT id, state FROM submissions
         WHERE id = (SELECT max(id) FROM submissions
                      WHERE state IN ('listing', 'running', 'paused') AND source = :source
                        AND (CAST(:name AS text) IS NULL OR name = :name))
           AND state IN ('listing', 'running', 'paused')
           FOR NO KEY UPDATE)
    UPDATE submissions
       SET state = 'listing', listed_at = NULL, opened_at = now(),
           skipped = CASE WHEN listing_after IS NULL THEN 0 ELSE skipped END
      FROM found WHERE submissions.id = found.id
    RETURNING submissions.id, found.state = 'paused' AS was_paused, listing_after
""")

NEW_SUBMISSION = sa.text("""
    INSERT INTO submissions (source, name, options) VALUES (:source, :name, :options) RETURNING id
""").bindparams(sa.bindparam("options", type_=JSONB))

# Held until the images are committed, so that the submission cannot be finished or cancelled
# meanwhile. Who locks several submissions locks them by id, and before any image.
LOCK_SUBMISSION = sa.text("SELECT state FROM submissions WHERE id = :id FOR NO KEY UPDATE")

REOPEN_SUBMISSION = sa.text("""
    UPDATE submissions SET state = 'listing', listed_at = NULL, finished_at = NULL
     WHERE id = :id AND state IN ('running', 'finished')
""")

# What submitting tries again. An image that was set aside is left to `retry`, which leaves alone
# what was cancelled: of a cancelled submission it would be out of everyone's reach.
TRIED_AGAIN = """
    (images.state IN ('failed', 'cancelled')
     OR images.state = 'quarantined'
        AND EXISTS (SELECT FROM submissions AS of_image
                     WHERE of_image.id = images.submission_id AND of_image.state = 'cancelled'))
"""

# All rows that a batch changes, locked at once and in the order of ids: those that are listed, and
# those of another content under a listed key. Most batches change none.
LOCK_LISTED = sa.text(f"""
    WITH listed AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:keys AS text[]), CAST(:digests AS bytea[])) AS one (key, digest))
    SELECT id, digest = ANY(CAST(:digests AS bytea[])) AS listed FROM images
     WHERE id IN (
        SELECT images.id FROM images JOIN listed ON listed.digest = images.digest
         WHERE {TRIED_AGAIN} OR images.superseded
            OR images.state IN ('pending', 'queued') AND images.submission_id <> :submission_id
        UNION ALL
        SELECT images.id FROM images JOIN listed ON listed.key = images.key
         WHERE images.store = :store AND images.bucket = :bucket AND NOT images.superseded
           AND NOT EXISTS (SELECT FROM listed AS same WHERE same.digest = images.digest))
     ORDER BY id FOR UPDATE
""")  # noqa: S608 - a constant

# An image that was looked at to the end before goes on showing when, and what was read then.
AGAIN = """
    state = 'pending', due_at = now(), attempts = 0, returns = 0, leased_until = NULL,
    reason = NULL, detail = NULL, trouble = NULL,
    processed_at = CASE WHEN model_version_id IS NOT NULL THEN processed_at END,
    milliseconds = CASE WHEN model_version_id IS NOT NULL THEN milliseconds END
"""

RETRY_IMAGES = sa.text(f"""
    UPDATE images SET submission_id = :submission_id, {AGAIN}
     WHERE id = ANY(CAST(:listed AS bigint[])) AND {TRIED_AGAIN}
""")  # noqa: S608 - a constant

TAKE_OVER = sa.text("""
    UPDATE images SET submission_id = :submission_id
     WHERE id = ANY(CAST(:listed AS bigint[])) AND state IN ('pending', 'queued')
       AND submission_id <> :submission_id
""")

COME_BACK = sa.text("""
    UPDATE images SET superseded = false
     WHERE id = ANY(CAST(:listed AS bigint[])) AND superseded
""")

SUPERSEDE = sa.text("""
    UPDATE images SET superseded = true WHERE id = ANY(CAST(:stale AS bigint[]))
""")

# Those alone that are not there: ON CONFLICT waits for whoever is changing a row that is, in the
# order of keys, while a worker waits in the order of ids for rows that we have locked. In the order
# of keys, since two producers that insert the same wait for each other there.
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

COUNT_OURS = sa.text("""
    SELECT count(*) FROM images
     WHERE digest = ANY(CAST(:digests AS bytea[])) AND submission_id = :submission_id
""")

# Once for each batch: told again after a lost answer, or by a second producer, it counts no twice.
# Keys are listed in the order of their bytes.
CHECKPOINT = sa.text("""
    UPDATE submissions
       SET skipped = skipped + :skipped,
           listing_after = coalesce(CAST(:listed_to AS text), listing_after)
     WHERE id = :id
       AND (CAST(:listed_to AS text) IS NULL OR listing_after IS NULL
            OR listing_after COLLATE "C" < CAST(:listed_to AS text) COLLATE "C")
""")

# A submission that was paused meanwhile stays so, and remembers that its listing is whole.
LISTED = sa.text("""
    UPDATE submissions
       SET state = CASE WHEN state = 'listing' THEN 'running' ELSE state END,
           listed_at = now(), listing_after = NULL
     WHERE id = :id AND state IN ('listing', 'running', 'paused')
""")

# SKIP LOCKED: a second producer takes the next images instead of waiting for these. MATERIALIZED:
# the rows are chosen once; planned into the update, the choice could run again for each row.
TAKE_PENDING = sa.text("""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM images
         WHERE submission_id = :submission_id AND state = 'pending' AND due_at <= now()
         ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE images SET state = 'queued', leased_until = now() + make_interval(secs => :seconds)
      FROM chosen WHERE images.id = chosen.id
    RETURNING images.id, store, bucket, key, etag, due_at
""")

EXPIRE_LEASES = sa.text("""
    UPDATE images SET state = 'pending', leased_until = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE state = 'queued' AND leased_until < now()
                   ORDER BY id FOR UPDATE SKIP LOCKED)
""")

# Locked first and then asked again: images may have been added or tried again before the lock.
LOCK_ENDED = sa.text("""
    SELECT id FROM submissions
     WHERE state = 'running'
       AND NOT EXISTS (SELECT FROM images
                        WHERE submission_id = submissions.id AND state IN ('pending', 'queued'))
     ORDER BY id FOR NO KEY UPDATE
""")

FINISH_SUBMISSIONS = sa.text("""
    UPDATE submissions SET state = 'finished', finished_at = now()
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'running'
       AND NOT EXISTS (SELECT FROM images
                        WHERE submission_id = submissions.id AND state IN ('pending', 'queued'))
    RETURNING id
""")

LOCK_QUEUED = sa.text("""
    SELECT id, store, bucket, key, etag, attempts, trouble, submission_id FROM images
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
     ORDER BY id FOR UPDATE
""")

# A statement of its own, after the images are locked: joined to them, it would lose the images that
# another submission took over while we waited for their locks.
PAUSED = sa.text("""
    SELECT id FROM submissions WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'paused'
""")

CLAIM = sa.text("""
    UPDATE images
       SET attempts = CASE WHEN :alone THEN attempts + 1 ELSE 1 END,
           leased_until = greatest(leased_until, now() + make_interval(secs => :seconds))
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

LEAVE = sa.text("""
    UPDATE images SET state = 'pending', leased_until = NULL
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

QUARANTINE = sa.text("""
    UPDATE images
       SET state = 'quarantined', leased_until = NULL, reason = :reason, detail = :detail,
           processed_at = now()
     WHERE id = :id
""")

# "crashed" is said of whatever took the process, somebody's kill included: it never hides a limit
# that the image ran into before.
BLAME = sa.text("""
    UPDATE images
       SET trouble = CASE CAST(:trouble AS text) WHEN 'crashed' THEN coalesce(trouble, 'crashed')
                                                 ELSE :trouble END
     WHERE id = :id AND state = 'queued'
""")
