"""The states of an image, and the statements by which several roles of the ledger change them.

::

    pending -> queued -> done | failed | quarantined
               queued -> pending       its lease expired, it was released, or it is paused
    pending, queued -> cancelled       with its submission; done where it had been done before
    failed, quarantined -> pending     tried again: retry, or (failed, cancelled) submit
    done, failed -> pending            read again: reprocess

The ledger is the tables `submissions` and `images`, and whoever changes a state does so in one of
its roles: Intake records what is listed, Dispatch sends, Claims is what workers ask, Control is
what people ask, Reprocessing chooses what is read again, and Results (results/save.py) saves what
was read.

Each method is one transaction, safe to run from several processes at once, and uses the database's
clock only. Rows are locked in one order everywhere, submissions before images and each by id, so
that two batches never wait for each other in a circle. All methods raise DatabaseUnreachable where
Postgres is away.
"""

from typing import Any

import sqlalchemy as sa

from hkplates.jobs import ImageRef


def image_ref(row: sa.Row[Any]) -> ImageRef:
    """Returns the reference that messages carry, of a row that has its columns."""
    return ImageRef(row.id, row.store, row.bucket, row.key, row.etag)


def lock_submission(connection: sa.Connection, submission_id: int) -> sa.Row[Any] | None:
    """Locks a submission and returns its id, source and state; None where there is no such one.

    The lock is held until the images are committed, so that the submission cannot be finished or
    cancelled meanwhile. Who locks several submissions locks them by id, and before any image.
    """
    return connection.execute(_LOCK_SUBMISSION, {"id": submission_id}).one_or_none()


def reopen_for_images(connection: sa.Connection, submission_id: int) -> bool:
    """Locks a submission and brings one that is running or finished back to listing.

    Returns False where it was cancelled meanwhile: it takes no more images.
    """
    submission = connection.execute(_LOCK_SUBMISSION, {"id": submission_id}).one()
    if submission.state == "cancelled":
        return False
    connection.execute(_REOPEN_LISTING, {"id": submission_id})
    return True


# Makes an image pending as if it had never been begun; one that was read to the end before keeps
# showing when, and what was read then.
RESET_TO_PENDING = """
    state = 'pending', due_at = now(), attempts = 0, returns = 0, leased_until = NULL,
    reason = NULL, detail = NULL, trouble = NULL,
    processed_at = CASE WHEN model_version_id IS NOT NULL THEN processed_at END,
    milliseconds = CASE WHEN model_version_id IS NOT NULL THEN milliseconds END
"""

# Locks a submission
_LOCK_SUBMISSION = sa.text(
    "SELECT id, source, state FROM submissions WHERE id = :id FOR NO KEY UPDATE"
)

# Reopens a submission for listing
_REOPEN_LISTING = sa.text("""
    UPDATE submissions SET state = 'listing', listed_at = NULL, finished_at = NULL
     WHERE id = :id AND state IN ('running', 'finished')
""")
