"""Pauses, resumes and cancels submissions, and retries failed images, as people ask for it.

Each may be repeated: what holds already is left alone and reported as it is. Cancelling and trying
again change many images, some thousands in a transaction, so that no worker waits long for a row;
broken off in the middle, the same call does the rest.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

import sqlalchemy as sa

from hkplates.database.ledger.dispatch import finish
from hkplates.database.ledger.states import RESET_TO_PENDING, lock_submission

BATCH = 5000
"""Images that are changed in one transaction."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a submission's state, with the number of images that changed with it.

    `cancelled` images were never looked at to the end; `kept` ones had been, under an earlier model
    version, and are done as they were.
    """

    submission: int
    source: str
    before: str
    after: str
    cancelled: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Retried:
    """A submission's images that are pending again, by the reason they had, and its state now."""

    submission: int
    source: str
    state: str
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def images(self) -> int:
        return sum(self.reasons.values())


class Control:
    """The ledger as people control it; safe to use from several threads.

    All methods raise DatabaseUnreachable where Postgres is away.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def pause(self, submission_id: int) -> Change | None:
        """Stops sending images of a submission, until it is resumed or submitted again.

        What workers have in hand they finish; what waits in the queue comes back to the ledger when
        a worker looks at it. Only what is listed or worked on can be paused. None: no such
        submission.
        """
        return self._change(submission_id, ("listing", "running"), _PAUSE)

    def resume(self, submission_id: int) -> Change | None:
        """Lets a paused submission go on; one with nothing left to do is finished.

        None: no such submission.
        """
        change = self._change(submission_id, ("paused",), _RESUME)
        if change is None or (change.before, change.after) != ("paused", "running"):
            return change
        with self._engine.begin() as connection:
            lock_submission(connection, submission_id)
            finished = finish(connection, [submission_id])
        after = "finished" if finished else change.after
        return Change(change.submission, change.source, change.before, after)

    def cancel(self, submission_id: int) -> Change | None:
        """Ends a submission: its images that wait or are queued will not be read.

        What a worker finds out about them later changes nothing. A finished submission stays so.
        None: no such submission.
        """
        unfinished = ("listing", "running", "paused")
        change = self._change(submission_id, unfinished, _CANCEL)
        if change is None or change.after != "cancelled":
            return change
        # Also where it was cancelled before: that may have been broken off.
        states: Counter[str] = Counter()
        for ids in self._chosen(_CHOOSE_UNFINISHED, id=submission_id):
            with self._engine.begin() as connection:
                values = {"id": submission_id, "ids": ids}
                states.update(connection.execute(_CANCEL_IMAGES, values).scalars())
        return Change(
            change.submission,
            change.source,
            change.before,
            change.after,
            states["cancelled"],
            states["done"],
        )

    def retry(self, submission_id: int | None = None, reason: str | None = None) -> list[Retried]:
        """Makes failed and quarantined images pending, as if they had never been begun.

        Of one submission or all, of one reason or all. A finished submission is running again; a
        paused one stays paused, with its images waiting. A cancelled one is left alone (its
        `reasons` are empty): submitting its source again takes its images.
        """
        with self._engine.connect() as connection:
            began = connection.execute(_NOW).scalar_one()
            found = connection.execute(_SUBMISSIONS_TO_RETRY, {"id": submission_id})
            numbers = found.scalars().all()
        retried = [self._retry(number, reason, began) for number in numbers]
        return [one for one in retried if one is not None]

    def _retry(self, submission_id: int, reason: str | None, began: datetime) -> Retried | None:
        values = {"id": submission_id, "reason": reason, "began": began}
        reasons: Counter[str] = Counter()
        for ids in chain(self._chosen(_CHOOSE_REJECTED, **values), [[]]):
            with self._engine.begin() as connection:
                row = lock_submission(connection, submission_id)
                if row is None:
                    break
                if not ids or row.state == "cancelled":
                    return Retried(row.id, row.source, row.state, dict(reasons.most_common()))
                reasons += _retry_batch(connection, submission_id, ids)
        return None

    def _change(
        self, submission_id: int, changing: tuple[str, ...], statement: sa.TextClause
    ) -> Change | None:
        """Changes a submission's state if it is in one of `changing`; None where there is none."""
        with self._engine.begin() as connection:
            row = lock_submission(connection, submission_id)
            if row is None:
                return None
            after = row.state
            if row.state in changing:
                after = connection.execute(statement, {"id": submission_id}).scalar_one()
            return Change(row.id, row.source, row.state, after)

    def _chosen(self, statement: sa.TextClause, **values: object) -> Iterator[list[int]]:
        """Yields ids of images in batches, in their order; nothing is held open between two."""
        after = 0
        while ids := self._choose(statement, {**values, "after": after, "limit": BATCH}):
            yield ids
            after = ids[-1]

    def _choose(self, statement: sa.TextClause, values: Mapping[str, object]) -> list[int]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement, values).scalars())


def _retry_batch(connection: sa.Connection, submission_id: int, ids: list[int]) -> Counter[str]:
    """Makes images that are still rejected pending and reopens the submission; counts by reason."""
    rows = connection.execute(_LOCK_REJECTED, {"id": submission_id, "ids": ids}).all()
    if rows:
        connection.execute(_RETRY_IMAGES, {"ids": [row.id for row in rows]})
        connection.execute(_REOPEN_SUBMISSION, {"id": submission_id})
    return Counter(row.reason for row in rows)


# Pauses a submission
_PAUSE = sa.text("UPDATE submissions SET state = 'paused' WHERE id = :id RETURNING state")

# Resumes a submission. A listing that was not finished is one still; whoever submits the source
# goes on with it.
_RESUME = sa.text("""
    UPDATE submissions
       SET state = CASE WHEN listed_at IS NULL THEN 'listing' ELSE 'running' END, opened_at = now()
     WHERE id = :id
    RETURNING state
""")

# Cancels a submission
_CANCEL = sa.text("""
    UPDATE submissions SET state = 'cancelled', finished_at = now(), listing_after = NULL
     WHERE id = :id
    RETURNING state
""")

# Chooses images to cancel. By id, each after the last: a choice that begins anew each time reads
# again past all that it chose before, which for a million images takes hours.
_CHOOSE_UNFINISHED = sa.text("""
    SELECT id FROM images
     WHERE submission_id = :id AND state IN ('pending', 'queued') AND id > :after
     ORDER BY id LIMIT :limit
""")

# Cancels images. One that was looked at to the end before is what it was then: done.
_CANCEL_IMAGES = sa.text("""
    UPDATE images
       SET state = CASE WHEN model_version_id IS NULL THEN 'cancelled' ELSE 'done' END,
           leased_until = NULL, trouble = NULL
     WHERE id IN (SELECT id FROM images
                   WHERE id = ANY(CAST(:ids AS bigint[])) AND submission_id = :id
                     AND state IN ('pending', 'queued')
                   ORDER BY id FOR UPDATE)
    RETURNING state
""")

# Asks for the database's time
_NOW = sa.text("SELECT now()")

# Finds submissions with failed or quarantined images
_SUBMISSIONS_TO_RETRY = sa.text("""
    SELECT id FROM submissions
     WHERE (CAST(:id AS bigint) IS NULL OR id = :id)
       AND EXISTS (SELECT FROM images
                    WHERE submission_id = submissions.id AND state IN ('failed', 'quarantined'))
     ORDER BY id
""")

# Chooses images to retry: those alone that had ended when it began, since what fails again
# meanwhile would go round for ever.
_CHOOSE_REJECTED = sa.text("""
    SELECT id FROM images
     WHERE submission_id = :id AND state IN ('failed', 'quarantined')
       AND (CAST(:reason AS text) IS NULL OR reason = :reason)
       AND (processed_at IS NULL OR processed_at < :began)
       AND id > :after
     ORDER BY id LIMIT :limit
""")

# Locks images to retry
_LOCK_REJECTED = sa.text("""
    SELECT id, reason FROM images
     WHERE id = ANY(CAST(:ids AS bigint[])) AND submission_id = :id
       AND state IN ('failed', 'quarantined')
     ORDER BY id FOR UPDATE
""")

# Makes failed and quarantined images pending
_RETRY_IMAGES = sa.text(
    f"UPDATE images SET {RESET_TO_PENDING} WHERE id = ANY(CAST(:ids AS bigint[]))"  # noqa: S608 - a constant
)

# Reopens a finished submission whose images are retried
_REOPEN_SUBMISSION = sa.text("""
    UPDATE submissions
       SET state = CASE WHEN state = 'finished' THEN 'running' ELSE state END,
           finished_at = NULL, opened_at = now()
     WHERE id = :id
    RETURNING state
""")
