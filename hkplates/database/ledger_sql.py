"""The statements of the ledger. All values are bound; all times are the database's clock."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

LOCK_SOURCE = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended('hkplates submission ' || :source, 0))"
)

CONTINUE_SUBMISSION = sa.text("""
    UPDATE submissions SET state = 'listing'
     WHERE id = (SELECT max(id) FROM submissions
                  WHERE state IN ('listing', 'running', 'paused') AND source = :source
                    AND (CAST(:name AS text) IS NULL OR name = :name))
    RETURNING id
""")

NEW_SUBMISSION = sa.text("""
    INSERT INTO submissions (source, name, options) VALUES (:source, :name, :options) RETURNING id
""").bindparams(sa.bindparam("options", type_=JSONB))

# Held until the images are committed, so that the submission cannot be finished meanwhile.
LOCK_SUBMISSION = sa.text("SELECT state FROM submissions WHERE id = :id FOR NO KEY UPDATE")

REOPEN_SUBMISSION = sa.text("""
    UPDATE submissions SET state = 'listing', finished_at = NULL
     WHERE id = :id AND state IN ('running', 'finished')
""")

RETRY_IMAGES = sa.text("""
    UPDATE images
       SET state = 'pending', submission_id = :submission_id, attempts = 0, leased_until = NULL,
           reason = NULL, detail = NULL, processed_at = NULL, milliseconds = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE digest = ANY(CAST(:digests AS bytea[]))
                     AND state IN ('failed', 'cancelled')
                   ORDER BY id FOR UPDATE)
""")

INSERT_IMAGES = sa.text("""
    INSERT INTO images (submission_id, store, bucket, key, etag, size, digest)
    SELECT :submission_id, :store, :bucket, key, etag, size, digest
      FROM unnest(CAST(:keys AS text[]), CAST(:etags AS text[]), CAST(:sizes AS bigint[]),
                  CAST(:digests AS bytea[])) AS listed (key, etag, size, digest)
    ON CONFLICT (digest) DO NOTHING
""")

COUNT_OURS = sa.text("""
    SELECT count(*) FROM images
     WHERE digest = ANY(CAST(:digests AS bytea[])) AND submission_id = :submission_id
""")

LISTED = sa.text("""
    UPDATE submissions SET state = 'running', listed_at = now(), skipped = :skipped
     WHERE id = :id AND state IN ('listing', 'running')
""")

OPEN_SUBMISSIONS = sa.text("""
    SELECT id FROM submissions WHERE state IN ('listing', 'running') ORDER BY id
""")

# SKIP LOCKED: a second producer takes the next images instead of waiting for these. MATERIALIZED:
# the rows are chosen once; planned into the update, the choice could run again for each row.
TAKE_PENDING = sa.text("""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM images
         WHERE submission_id = :submission_id AND state = 'pending'
         ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)
    UPDATE images SET state = 'queued', leased_until = now() + make_interval(secs => :seconds)
      FROM chosen WHERE images.id = chosen.id
    RETURNING images.id, store, bucket, key, etag
""")

EXPIRE_LEASES = sa.text("""
    UPDATE images SET state = 'pending', leased_until = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE state = 'queued' AND leased_until < now()
                   ORDER BY id FOR UPDATE SKIP LOCKED)
""")

FINISH_SUBMISSIONS = sa.text("""
    UPDATE submissions SET state = 'finished', finished_at = now()
     WHERE state = 'running'
       AND NOT EXISTS (SELECT FROM images
                        WHERE submission_id = submissions.id AND state IN ('pending', 'queued'))
    RETURNING id
""")

LOCK_QUEUED = sa.text("""
    SELECT id, store, bucket, key, etag, attempts FROM images
     WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
     ORDER BY id FOR UPDATE
""")

CLAIM = sa.text("""
    UPDATE images
       SET attempts = attempts + 1,
           leased_until = greatest(leased_until, now() + make_interval(secs => :seconds))
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

QUARANTINE = sa.text("""
    UPDATE images
       SET state = 'quarantined', leased_until = NULL, reason = 'crashed', detail = :detail,
           processed_at = now()
     WHERE id = ANY(CAST(:ids AS bigint[]))
""")

HAND_BACK = sa.text("""
    UPDATE images
       SET state = 'pending', leased_until = NULL, attempts = greatest(attempts - :returned, 0)
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'queued'
                   ORDER BY id FOR UPDATE)
""")
